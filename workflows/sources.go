package workflows

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// HTTP is the key `http` of a project: which hosts the steps audience.http and http.request may reach. The zero HTTP
// allows none.
type HTTP struct {
	Hosts []Host
	// AllowPrivate lets them reach addresses of the own machine and network too.
	AllowPrivate bool
}

// Host is one host that may be reached.
type Host struct {
	Scheme string // https, or http where it is given
	Name   string // in small letters
	Port   string // "" for the scheme's own
}

var httpKeys = keySetOf(
	key{"hosts", orNothing(listShape(textShape)), "Hosts that audience.http and http.request may reach: crm.example.com, or http://crm.example.com:8080."},
	key{"allow_private", switchShape, "true: also addresses of this machine and its network."},
)

// databaseSchemes are the databases that audience.query reads.
var databaseSchemes = []string{"postgres", "postgresql", "mysql", "sqlite"}

// readSources reads where audiences may come from besides files, and who is to be left out: secrets, hosts, databases,
// suppression lists; and the daemon's settings.
func (p *Project) readSources(d *decoder, all fields) {
	for key, read := range map[string]func(*decoder, *yaml.Node){
		"secrets": p.readSecrets, "http": p.readHTTP, "databases": p.readDatabases, "suppress": p.readSuppress, "server": p.readServer,
		"notify": p.readNotify, "retention": p.readRetention,
	} {
		if node := all.get(key); node != nil && !isNull(node) {
			read(d, node)
		}
	}
}

func (p *Project) readHTTP(d *decoder, node *yaml.Node) {
	all, ok := d.fields(node, "http", httpKeys)
	if !ok {
		return
	}
	if node := all.get("allow_private"); node != nil {
		p.HTTP.AllowPrivate, _ = d.boolean(node, "allow_private")
	}
	hosts := all.get("hosts")
	if hosts == nil || isNull(hosts) {
		return
	}
	if hosts.Kind != yaml.SequenceNode {
		d.wrong(hosts, "hosts", "a list")
		return
	}
	for i, node := range hosts.Content {
		if text, ok := d.expanded(node, fmt.Sprintf("hosts[%d]", i), p.lookup); ok {
			host, err := parseHost(text)
			if err != nil {
				d.at(node, "not-allowed", "hosts[%d]: %s", i, err)
				continue
			}
			p.HTTP.Hosts = append(p.HTTP.Hosts, host)
		}
	}
}

// parseHost reads crm.example.com, crm.example.com:8443, https://crm.example.com or http://crm.example.com:8080.
func parseHost(text string) (Host, error) {
	whole := text
	if !strings.Contains(whole, "://") {
		whole = "https://" + whole
	}
	address, err := url.Parse(whole)
	wrong := fmt.Errorf("%q is no host: write one such as crm.example.com, crm.example.com:8443 or http://crm.example.com", text)
	switch {
	case err != nil, address.Hostname() == "", address.User != nil, strings.ContainsAny(address.Hostname(), "*%"):
		return Host{}, wrong
	case address.Path != "" && address.Path != "/", address.RawQuery != "", address.Fragment != "":
		return Host{}, fmt.Errorf("%q has a path: write the host alone", text)
	case address.Scheme != "http" && address.Scheme != "https":
		return Host{}, fmt.Errorf("%q: hosts are reached by https, or by http where http:// stands before them", text)
	}
	return Host{Scheme: address.Scheme, Name: strings.ToLower(address.Hostname()), Port: address.Port()}, nil
}

func (p *Project) readDatabases(d *decoder, node *yaml.Node) {
	all, ok := d.object(node, "databases")
	if !ok {
		return
	}
	for _, e := range all.entries {
		name, ok := d.identifier(e.key, "the database")
		if !ok {
			continue
		}
		if strings.Contains(e.value.Value, "@") { // there may be a password before it
			d.hide(e.value)
		}
		place := d.secretPlace(e.key, e.value)
		if e.value.Kind != yaml.ScalarNode || e.value.Tag != "!!str" {
			d.add(place, "wrong-type", fmt.Sprintf("the database %q needs text, and this is %s", name, kindOf(e.value)), "")
			continue
		}
		scheme, rest, cut := strings.Cut(e.value.Value, "://")
		if !strings.HasPrefix(e.value.Value, "${") && (!cut || !slices.Contains(databaseSchemes, scheme)) {
			d.add(place, "not-allowed", fmt.Sprintf("the database %q begins with none of postgres://, mysql:// and sqlite://", name), "")
			continue
		}
		if account, _, ok := strings.Cut(rest, "@"); ok && strings.Contains(account, ":") && !strings.Contains(account, "${") {
			d.warn(place, "plain-secret", fmt.Sprintf("the password of the database %q stands in the file: keep it in the environment or in .env, and write ${NAME} here", name))
		}
		p.databases[name] = setting{text: e.value.Value, file: d.file, span: place, private: d.private}
	}
}

// SourceDatabase is the address of a database that audiences are read from: postgres://, mysql:// or sqlite://PATH, which
// is relative to the project's folder. It may hold a password. The error names what there is instead, or each variable that
// is not set.
func (p *Project) SourceDatabase(name string) (Secret, error) {
	s, ok := p.databases[name]
	if !ok {
		known := slices.Sorted(maps.Keys(p.databases))
		hint := ": add it under `databases` in youmiflow.yaml"
		if near := diagnostic.Suggest(name, known); near != "" {
			hint = fmt.Sprintf(", did you mean %q?", near)
		} else if len(known) > 0 {
			hint = ": there are " + strings.Join(known, ", ")
		}
		return Secret{}, fmt.Errorf("there is no database %q%s", name, hint)
	}
	if value, ok := p.lookup("YOUMIFLOW_DATABASES_" + variableName(name)); ok {
		return NewSecret(value), nil
	}
	found := &problems{file: s.file}
	text := s.expand(p.lookup, found)
	if found.bad {
		return Secret{}, found.sorted().Err()
	}
	return NewSecret(text), nil
}
