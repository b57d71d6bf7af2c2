package workflows

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

var (
	// projectFiles are the names a project's own file may have; the first that is there counts.
	projectFiles = []string{"youmiflow.yaml", "youmiflow.yml"}

	projectKeys = keySetOf(
		key{"connections", orNothing(identifiedShape(orNothing(refShape("connection")))), "The platform's API, by name. Workflows use `default` unless they name another."},
		key{"database", textShape, "Where the ledger is: sqlite://PATH, relative to this folder. Without it, sqlite://.youmiflow/ledger.db."},
		key{"workflows", textShape, "The folder of the workflows. Without it, workflows."},
		key{"timezone", textShape, "The time zone of clocks and dates, such as Asia/Shanghai. Without it, the machine's."},
		key{"limits", orNothing(identifiedShape(refShape("limit"))), "How fast calls may leave, over all workflows together, by name."},
		key{"suppress", orNothing(eitherShape(textShape, listShape(textShape))), "Files of customers who get nothing: a table with the column friend, and with account where it is for that account only."},
		key{"secrets", orNothing(identifiedShape(textShape)), "Values for expressions, by name: secrets.NAME. Write ${NAME}, and keep the values in the environment or in .env."},
		key{"http", orNothing(refShape("http")), "Which hosts audience.http and http.request may reach. Without it, none."},
		key{"databases", orNothing(identifiedShape(textShape)), "Databases that audience.query reads, by name: postgres://, mysql:// or sqlite://PATH."},
		key{"server", orNothing(refShape("server")), "The daemon: where it listens, and who may sign in."},
		key{"retention", orNothing(refShape("retention")), "How long a daemon keeps runs that are over, and events."},
		key{"notify", orNothing(refShape("notify")), "Who is told when something needs a person, and how."},
	)
)

// Project is a folder with its youmiflow.yaml, or a folder without one and every setting at its default.
type Project struct {
	Dir         string // the folder
	File        string // its youmiflow.yaml; "" without one
	Source      []byte // its text, for snippets
	Connections map[string]*Connection
	Workflows   string         // folder of the workflows; "workflows" in Dir unless given
	Timezone    *time.Location // the machine's unless given
	Limits      []*Limit       // shared by all workflows
	Suppress    []string       // files of customers whom nobody may write to, as they are named: relative to Dir

	// HTTP says which hosts audience.http and http.request may reach.
	HTTP HTTP
	// Notify says whom to tell of what.
	Notify Notify
	// Server says where the daemon listens, and who may use it.
	Server Server
	// Retention says how long a daemon keeps what has been.
	Retention Retention

	database  setting
	secrets   map[string]setting
	databases map[string]setting
	lookup    Lookup
	absent    []*problems // what there is to say of each of Suppress when it is not there
}

// defaultDatabase is an embedded file in the project's folder.
const defaultDatabase = "sqlite://.youmiflow/ledger.db"

// FindProject looks for a youmiflow.yaml in a folder and those above it.
func FindProject(start string) (dir string, found bool) {
	dir, err := filepath.Abs(start)
	if err != nil {
		return "", false
	}
	for {
		for _, name := range projectFiles {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				return dir, true
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// LoadProject reads the youmiflow.yaml of a folder and its .env. Without a youmiflow.yaml every setting has its default.
// Variables named YOUMIFLOW_ and a key's path, such as YOUMIFLOW_CONNECTIONS_DEFAULT_BASE_URL, stand above the file. The
// project is nil when there is an error among the problems. A variable that a connection or the database needs and that
// is missing is only an error when they are used: see Connection.Resolve and Project.Database.
func LoadProject(dir string, environment func(string) (string, bool)) (*Project, diagnostic.List) {
	lookup, list := withDotEnv(dir, environment)
	p := &Project{Dir: dir, Workflows: filepath.Join(dir, "workflows"), Timezone: time.Local, Server: Server{Listen: DefaultListen}, lookup: lookup}
	p.Connections = map[string]*Connection{}
	p.secrets, p.databases = map[string]setting{}, map[string]setting{}
	for _, name := range slices.Backward(projectFiles) {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			p.File = filepath.Join(dir, name)
		}
	}
	if p.File != "" {
		source, unreadable := readFile(p.File)
		if unreadable != nil {
			return nil, append(list, unreadable...)
		}
		p.Source = source
	}
	list = append(list, p.parse()...)
	if list.HasErrors() {
		return nil, list
	}
	return p, list
}

// parse reads the project's source.
func (p *Project) parse() diagnostic.List {
	file := p.File
	if file == "" {
		file = filepath.Join(p.Dir, projectFiles[0])
	}
	d := &decoder{problems: &problems{file: file, private: map[int]bool{}}, origin: map[*yaml.Node]string{}}
	root := d.read(p.Source)
	if d.bad {
		return d.sorted()
	}
	if root == nil || isNull(root) {
		root = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	}
	if root.Kind == yaml.MappingNode {
		o := overrides{lookup: p.lookup, origin: d.origin}
		o.apply(root)
		o.limits(root)
	}
	if all, ok := d.fields(root, "youmiflow.yaml", projectKeys); ok {
		p.read(d, all)
	}
	return d.sorted()
}

func (p *Project) read(d *decoder, all fields) {
	p.database = setting{text: defaultDatabase, file: d.file, span: start}
	if node := all.get("database"); node != nil {
		p.database, _ = d.setting(node, "database")
		if strings.Contains(node.Value, "@") && d.origin[node] == "" { // there may be a password before it
			d.hide(node)
			p.database.span = d.secretPlace(all.byName["database"].key, node)
		}
	}
	if node := all.get("workflows"); node != nil {
		if folder, ok := d.expanded(node, "workflows", p.lookup); ok {
			p.Workflows = filepath.Join(p.Dir, folder)
			if filepath.IsAbs(folder) {
				p.Workflows = folder
			}
		}
	}
	if node := all.get("timezone"); node != nil {
		if name, ok := d.expanded(node, "timezone", p.lookup); ok {
			zone, err := time.LoadLocation(name)
			if err != nil {
				d.at(node, "not-allowed", "there is no time zone %q: write one such as Asia/Shanghai", name)
			} else {
				p.Timezone = zone
			}
		}
	}
	if node := all.get("limits"); node != nil && !isNull(node) {
		p.Limits = d.limits(node, limitKeys, false)
	}
	if node := all.get("connections"); node != nil && !isNull(node) {
		p.readConnections(d, node)
	}
	p.readSources(d, all)
}

// setting reads text that may hold ${NAME}.
func (d *decoder) setting(node *yaml.Node, what string) (setting, bool) {
	s, ok := d.str(node, what)
	return setting{text: s, file: d.file, span: d.text.spanOf(node), private: d.private}, ok
}

// expanded reads text and replaces ${NAME} at once.
func (d *decoder) expanded(node *yaml.Node, what string, lookup Lookup) (string, bool) {
	s, ok := d.setting(node, what)
	if !ok {
		return "", false
	}
	before := len(d.list)
	text := s.expand(lookup, d.problems)
	return text, len(d.list) == before
}

// Database is where the ledger is: sqlite://PATH, relative to the project's folder, or postgres://…, which may hold a
// password. The error is a diagnostic.List and names each variable that is not set.
func (p *Project) Database() (Secret, error) {
	found := &problems{file: p.database.file}
	text := p.database.expand(p.lookup, found)
	if found.bad {
		return Secret{}, found.sorted().Err()
	}
	return NewSecret(text), nil
}

// Connection finds a connection by its name. The error names what there is instead.
func (p *Project) Connection(name string) (*Connection, error) {
	if connection, ok := p.Connections[name]; ok {
		return connection, nil
	}
	known := slices.Sorted(maps.Keys(p.Connections))
	hint := fmt.Sprintf(": add it under `connections` in %s", filepath.Join(p.Dir, projectFiles[0]))
	if near := diagnostic.Suggest(name, known); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	} else if len(known) > 0 {
		hint = fmt.Sprintf(": there are %s", strings.Join(known, ", "))
	}
	return nil, fmt.Errorf("there is no connection %q%s", name, hint)
}

// Warnings is what a run without the sandbox should be told about the project and a workflow: that nothing limits an
// account.
func (p *Project) Warnings(w *Workflow) diagnostic.List { return LimitWarnings(w, p.Limits) }
