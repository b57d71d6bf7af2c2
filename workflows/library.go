package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// Folder finds the workflows that a step with `call` can name.
type Folder interface {
	// Source returns the text of the workflow of a name, and what its file is called. The same file is always called the
	// same. The error says, for whoever wrote the call, why there is none.
	Source(name string) (file string, source []byte, err error)
}

// library holds the files of one reading, so that each is read and checked once, however many call it.
type library struct {
	catalogue Catalogue
	folder    Folder // nil: nothing can be called
	documents map[string]*document
	names     map[string]named
	compiler  *expression.Compiler
	seen      map[*StepType]expression.Type // what expressions see of steps of the catalogue
	zones     map[string]*time.Location     // those that files name
	// What follows finds calls that go round in a circle (Tarjan).
	order int
	stack []*document
}

type named struct {
	document *document
	err      error
}

// document is one file: its YAML, and once it has been checked what became of it.
type document struct {
	file     string
	source   []byte
	digest   string
	text     *text
	root     *yaml.Node // nil when there is none, or no more
	problems *problems
	calls    []string // names in `call`, each once, in the order of the file

	checked  bool
	workflow *Workflow
	found    diagnostic.List

	order, low, circle int // 0: not visited; documents of one circle have the same number
}

func newLibrary(catalogue Catalogue, folder Folder) *library {
	return &library{
		catalogue: catalogue, folder: folder, documents: map[string]*document{}, names: map[string]named{},
		compiler: expression.NewCompiler(), seen: map[*StepType]expression.Type{}, zones: map[string]*time.Location{},
	}
}

// add reads the YAML of a file, unless it is there already.
func (l *library) add(file string, source []byte) *document {
	key := filepath.Clean(file)
	if d := l.documents[key]; d != nil {
		return d
	}
	digest := sha256.Sum256(source)
	d := &document{file: file, source: source, digest: "sha256:" + hex.EncodeToString(digest[:]), problems: &problems{file: file}}
	reader := &decoder{problems: d.problems}
	if d.root = reader.read(source); d.root != nil {
		seen := map[string]bool{}
		d.collectCalls(d.root, seen)
	}
	d.text = reader.text
	l.documents[key] = d
	return d
}

// collectCalls notes what the steps of a document call. It looks at every `call`, also where none belongs: that is an error
// of its own, and the file is not used then.
func (d *document) collectCalls(node *yaml.Node, seen map[string]bool) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode {
			if name := child.Value; node.Content[i-1].Value == "call" && child.Tag == "!!str" && !seen[name] {
				seen[name] = true
				d.calls = append(d.calls, name)
			}
			continue
		}
		d.collectCalls(child, seen)
	}
}

// find reads the file of a workflow by its name.
func (l *library) find(name string) (*document, error) {
	if known, ok := l.names[name]; ok {
		return known.document, known.err
	}
	var found named
	file, source, err := l.folder.Source(name)
	if err != nil {
		found.err = err
	} else {
		found.document = l.add(file, source)
	}
	l.names[name] = found
	return found.document, found.err
}

// suggest is the name of a workflow that was probably meant: without path and suffix, or with a slip of the pen.
func (l *library) suggest(name string) string {
	folder, ok := l.folder.(interface{ Names() []string })
	if !ok {
		return ""
	}
	known := folder.Names()
	if plain := stem(filepath.ToSlash(name)); slices.Contains(known, plain) && plain != name {
		return plain
	}
	return diagnostic.Suggest(name, known)
}

// parse checks a document, once. Documents that call each other in a circle are never parsed through one another.
func (l *library) parse(d *document) (*Workflow, diagnostic.List) {
	if !d.checked {
		p := &parser{
			decoder: &decoder{problems: d.problems, text: d.text, compiler: l.compiler}, catalogue: l.catalogue, library: l, document: d,
			declared: map[string][]declaration{}, loops: map[string]*Foreach{},
		}
		d.workflow = p.workflow()
		if d.found = p.sorted(); p.bad {
			d.workflow = nil
		}
		d.root, d.checked = nil, true
	}
	return d.workflow, d.found
}

// zone reads a time zone once: the system's list is not kept in memory, and a zone takes half a kilobyte.
func (l *library) zone(name string) (*time.Location, error) {
	if known := l.zones[name]; known != nil {
		return known, nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		l.zones[name] = zone
	}
	return zone, err
}

// see is what expressions see of a step of the catalogue.
func (l *library) see(t *StepType) expression.Type {
	seen, ok := l.seen[t]
	if !ok {
		fields := statusFields()
		for _, output := range t.Outputs {
			fields[output.Name] = output.Type
		}
		seen = expression.Type{Kind: expression.Object, Fields: fields}
		l.seen[t] = seen
	}
	return seen
}

// called are the documents that a document calls, those that are there.
func (l *library) called(d *document) []*document {
	if l.folder == nil {
		return nil
	}
	var list []*document
	for _, name := range d.calls {
		if other, err := l.find(name); err == nil && !slices.Contains(list, other) {
			list = append(list, other)
		}
	}
	return list
}

// cycle is the way from a document over one that it calls back to itself; nil when there is none.
func (l *library) cycle(from, to *document) []string {
	if from.order == 0 {
		l.visit(from)
	}
	if to.order == 0 {
		l.visit(to)
	}
	if from.circle != to.circle || from != to && from.circle == 0 {
		return nil
	}
	way := map[*document]*document{to: nil} // whence each was reached
	for queue := []*document{to}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == from {
			break
		}
		for _, next := range l.called(queue[0]) {
			if _, seen := way[next]; !seen && next.circle == from.circle {
				way[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	names := []string{from.title()}
	for d := from; d != nil; d = way[d] {
		names = append(names, d.title())
	}
	slices.Reverse(names[1:])
	return names
}

func (d *document) name() string { return stem(d.file) }

// title is the name that a workflow gives itself, with its file; without one, the file's name.
func (d *document) title() string {
	if given := GivenName(d.source); given != "" && given != d.name() {
		return fmt.Sprintf("%s (%s)", given, filepath.Base(d.file))
	}
	return d.name()
}

func stem(file string) string {
	base := filepath.Base(file)
	return base[:len(base)-len(filepath.Ext(base))]
}

// visit numbers the circles that a document is in or leads to.
func (l *library) visit(d *document) {
	l.order++
	d.order, d.low = l.order, l.order
	l.stack = append(l.stack, d)
	for _, next := range l.called(d) {
		switch {
		case next.order == 0:
			l.visit(next)
			d.low = min(d.low, next.low)
		case next.circle == 0: // still on the stack
			d.low = min(d.low, next.order)
		}
	}
	if d.low != d.order {
		return
	}
	for {
		last := l.stack[len(l.stack)-1]
		l.stack = l.stack[:len(l.stack)-1]
		last.circle = d.order
		if last == d {
			return
		}
	}
}
