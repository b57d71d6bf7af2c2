package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxSteps bounds the steps of one file, and with it the time that checking a file takes.
const maxSteps = 1000

var workflowKeys = keySet{
	known: []string{"name", "description", "connection", "params", "limits", "steps", "finally"},
	later: []string{"triggers", "send_window", "deadline", "stop_when", "outputs"},
}

// Parse reads one workflow. File is only used to name it. The workflow is nil when there is an error among the
// problems; warnings may come with it. Sources over MaxSource are refused.
func Parse(file string, source []byte, catalogue Catalogue) (*Workflow, diagnostic.List) {
	p := &parser{
		decoder:   &decoder{problems: &problems{file: file}},
		catalogue: catalogue,
		declared:  map[string][]declaration{},
	}
	workflow := p.workflow(file, source)
	problems := p.sorted()
	if p.bad {
		return nil, problems
	}
	return workflow, problems
}

// Load reads the workflow at path, at most MaxSource bytes of it. A file that cannot be read is a problem like others.
func Load(path string, catalogue Catalogue) (*Workflow, diagnostic.List) {
	source, problems := readFile(path)
	if problems != nil {
		return nil, problems
	}
	return Parse(path, source, catalogue)
}

// readFile reads a file that should not be larger than MaxSource; of a larger one, one byte more.
func readFile(path string) ([]byte, diagnostic.List) {
	unreadable := func(err error) diagnostic.List {
		message := "the file cannot be read: " + reason(err)
		return diagnostic.List{{File: path, Severity: diagnostic.Error, Code: "unreadable", Message: message}}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 {
		return nil, unreadable(errors.New("it is not a regular file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	source, err := readLimited(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, unreadable(err)
	}
	return source, nil
}

// reason is an error of the file system without the path, which the diagnostic names already.
func reason(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}

// LoadFolder loads every workflow of a folder: its *.yaml and *.yml files by name, without hidden ones and the
// project's own file. Files with errors are left out, and their problems are in the list.
func LoadFolder(dir string, catalogue Catalogue) ([]*Workflow, diagnostic.List) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		message := "the folder of workflows cannot be read: " + reason(err)
		return nil, diagnostic.List{{File: dir, Severity: diagnostic.Error, Code: "unreadable", Message: message}}
	}
	var (
		loaded   []*Workflow
		problems diagnostic.List
	)
	for _, entry := range entries {
		if entry.IsDir() || !IsWorkflowFile(entry.Name()) {
			continue
		}
		workflow, found := Load(filepath.Join(dir, entry.Name()), catalogue)
		problems = append(problems, found...)
		if workflow != nil {
			loaded = append(loaded, workflow)
		}
	}
	return loaded, problems
}

// IsWorkflowFile tells by its name whether a file can be a workflow.
func IsWorkflowFile(name string) bool {
	suffix := filepath.Ext(name)
	return (suffix == ".yaml" || suffix == ".yml") && !strings.HasPrefix(name, ".") &&
		!slices.Contains(projectFiles, name)
}

// parser reads one workflow.
type parser struct {
	*decoder
	catalogue Catalogue
	declared  map[string][]declaration
	params    expression.Type
	steps     int
}

func (p *parser) workflow(file string, source []byte) *Workflow {
	digest := sha256.Sum256(source)
	w := &Workflow{File: file, Source: source, Digest: "sha256:" + hex.EncodeToString(digest[:]), Connection: "default"}
	w.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	root := p.read(source)
	if root == nil || isNull(root) {
		if !p.bad {
			p.add(start, "empty", "the file is empty: a workflow needs at least `steps`", "")
		}
		return nil
	}
	all, ok := p.fields(root, "a workflow", workflowKeys)
	if !ok {
		return nil
	}
	p.head(w, all)
	p.outline(all.get("steps"), nil)
	p.outline(all.get("finally"), nil)
	f := p.newFrame()
	if !all.has("steps") {
		p.add(p.text.spanOf(root), "missing-key", "a workflow needs the key \"steps\"", "")
	} else {
		w.Steps = p.list(all.get("steps"), f)
	}
	if all.has("finally") {
		w.Finally = p.list(all.get("finally"), f)
	}
	namePaths(w.Steps, w.Finally)
	w.Secrets = p.secrets
	return w
}

// head reads what stands before the steps.
func (p *parser) head(w *Workflow, all fields) {
	if node := all.get("name"); node != nil {
		if name, ok := p.str(node, "name"); ok {
			w.Name = name
		}
	}
	if node := all.get("description"); node != nil {
		w.Description, _ = p.str(node, "description")
	}
	if node := all.get("connection"); node != nil {
		w.Connection, _ = p.identifier(node, "connection")
	}
	if node := all.get("params"); node != nil {
		w.Params = p.readParams(node)
	}
	p.params = paramsType(w.Params)
	if node := all.get("limits"); node != nil {
		w.Limits = p.limits(node, limitKeys, true)
		for _, limit := range w.Limits {
			limit.Scope = w.Name
		}
	}
}
