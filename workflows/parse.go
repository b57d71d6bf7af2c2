package workflows

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxSteps bounds the steps of one file, and with it the time that checking a file takes.
const maxSteps = 1000

var workflowKeys = keySetOf(
	key{"name", textShape, "What people and `runs list` see. Without it, the file's name without its suffix."},
	key{"description", textShape, "A line about it, for people."},
	key{"connection", nameShape, "A connection of youmiflow.yaml. Without it, `default`."},
	key{"params", identifiedShape(orNothing(refShape("param"))), "Typed inputs, by name: given with `run --param NAME=VALUE`, by a trigger or by a call. Expressions see them as params.NAME."},
	key{"triggers", filledShape(refShape("trigger")), "What starts runs: schedules, instants and events. Without any, the workflow is started by hand or called."},
	key{"send_window", refShape("send_window"), "When messages may leave. Outside it they are held, not dropped."},
	key{"deadline", durationShape, "How long after its scheduled start a run may still send. What has not begun by then is skipped, and said so."},
	key{"priority", wholeNumberShape(-maxPriority, maxPriority), "Among runs that share a limit the higher goes first. Without it, 0."},
	key{"limits", identifiedShape(refShape("limit")), "Limits that are stricter than the shared ones of youmiflow.yaml, by name."},
	key{"steps", stepsShape, "What is done, one after the other."},
	key{"finally", stepsShape, "What is done after the steps in any case: when they failed and when the run was cancelled, too."},
	key{"outputs", valuesShape, "Values that are kept with the run, and that a workflow which calls this one sees as steps.ID.NAME."},
).needing("steps")

// maxPriority bounds priorities on both sides.
const maxPriority = 1000

// Parse reads one workflow on its own: a step with `call` is an error, since what it calls cannot be looked for. File is
// only used to name it. The workflow is nil when there is an error among the problems; warnings may come with it. Sources
// over MaxSource are refused.
func Parse(file string, source []byte, catalogue Catalogue) (*Workflow, diagnostic.List) {
	return ParseIn(file, source, catalogue, nil)
}

// ParseIn is Parse with the folder in which the workflow's calls are looked for.
func ParseIn(file string, source []byte, catalogue Catalogue, folder Folder) (*Workflow, diagnostic.List) {
	shelf := newLibrary(catalogue, folder)
	return shelf.parse(shelf.add(file, source))
}

// Load reads the workflow at path, at most MaxSource bytes of it; what it calls is looked for in its folder. A file that
// cannot be read is a problem like others. For many files there is a Loader.
func Load(path string, catalogue Catalogue) (*Workflow, diagnostic.List) {
	return NewLoader(catalogue).Load(path)
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
	loader := NewLoader(catalogue)
	for _, entry := range entries {
		if entry.IsDir() || !IsWorkflowFile(entry.Name()) {
			continue
		}
		workflow, found := loader.Load(filepath.Join(dir, entry.Name()))
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
		!IsProjectFile(name) && !IsTestFile(name)
}

// IsProjectFile tells by its name whether a file holds the settings of a project.
func IsProjectFile(name string) bool { return slices.Contains(projectFiles, name) }

// IsTestFile tells by its name whether a file holds tests of a workflow: NAME.test.yaml.
func IsTestFile(name string) bool {
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".test.yaml") || strings.HasSuffix(name, ".test.yml"))
}

// parser reads one workflow.
type parser struct {
	*decoder
	catalogue Catalogue
	library   *library
	document  *document
	declared  map[string][]declaration
	loops     map[string]*Foreach // those that have been read, by id
	params    expression.Type
	event     bool // a trigger names an event
	steps     int
	calls     map[string]*Workflow
	waits     []span // that take a time known beforehand
}

func (p *parser) workflow() *Workflow {
	d := p.document
	w := &Workflow{File: d.file, Source: d.source, Digest: d.digest, Name: stem(d.file), Connection: "default"}
	root := d.root
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
	p.outline(all.get("steps"), nil, nil)
	p.outline(all.get("finally"), nil, nil)
	p.body(w, all)
	namePaths(w.Steps, w.Finally)
	w.Calls, w.Secrets = p.calls, p.secrets
	p.checkWaits(w.Deadline)
	return w
}

// body reads the steps, and what is made of them in the end.
func (p *parser) body(w *Workflow, all fields) {
	f := p.newFrame()
	if !all.has("steps") {
		p.add(p.text.spanOf(all.node), "missing-key", "a workflow needs the key \"steps\"", "")
	} else {
		w.Steps = p.list(all.get("steps"), f)
	}
	if node := all.get("outputs"); node != nil {
		w.Outputs = p.outputs(node, f)
	}
	if all.has("finally") {
		w.Finally = p.list(all.get("finally"), f)
	}
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
	if node := all.get("triggers"); node != nil {
		w.Triggers = p.triggers(node, w.Params)
	}
	p.pace(w, all)
}

// pace reads when and how fast calls may leave.
func (p *parser) pace(w *Workflow, all fields) {
	if node := all.get("send_window"); node != nil {
		w.Window = p.sendWindow(node)
	}
	if node := all.get("deadline"); node != nil {
		w.Deadline, _ = p.duration(node, "deadline")
	}
	if node := all.get("priority"); node != nil {
		w.Priority, _ = p.integer(node, "priority", -maxPriority, maxPriority)
	}
	if node := all.get("limits"); node != nil {
		w.Limits = p.limits(node, limitKeys, true)
		for _, limit := range w.Limits {
			limit.Scope = w.Name
		}
	}
}

// outputs reads what whoever calls this workflow gets back. It is kept, so it must be data.
func (p *parser) outputs(node *yaml.Node, f *frame) []Assignment {
	values, ok := p.object(node, "outputs")
	if !ok {
		return nil
	}
	if len(values.entries) == 0 {
		p.at(node, "empty", "there is no output in this object")
	}
	var list []Assignment
	p.keeping("an output", func() { list = p.assignments(values, f) })
	for _, output := range list {
		if output.Value == nil {
			continue
		}
		if handle, found := output.Value.handle(); found {
			p.add(output.Value.span, "type-mismatch", fmt.Sprintf("an output is kept with the run, and %s cannot be: it belongs to this run", typeName(handle)), "")
		}
	}
	return list
}

// handle finds what is no data in a value, as far as it is known.
func (v *Value) handle() (expression.Type, bool) {
	for _, item := range v.items {
		if handle, found := item.handle(); found {
			return handle, true
		}
	}
	return opaqueIn(v.typ)
}

func opaqueIn(t expression.Type) (expression.Type, bool) {
	switch t.Kind {
	case expression.Opaque:
		return t, true
	case expression.List:
		if t.Element != nil {
			return opaqueIn(*t.Element)
		}
	case expression.Object:
		for _, field := range t.Fields {
			if handle, found := opaqueIn(field); found {
				return handle, true
			}
		}
	}
	return expression.Type{}, false
}

// checkWaits warns of waits that a deadline cuts off.
func (p *parser) checkWaits(deadline time.Duration) {
	for _, wait := range p.waits {
		if deadline > 0 && wait.lasts >= deadline {
			p.warn(wait.Span, "wait-beyond-deadline", fmt.Sprintf("the workflow's deadline of %s has passed when this wait is over: nothing that follows will be done", durationText(deadline)))
		}
	}
}
