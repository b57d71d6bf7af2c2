package workflows

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"weak"
)

// Resting is a valid workflow as it is kept while nobody runs it: what starts it, what it asks for, and its text. Its steps
// take many times the memory of that, so they are only there after Open, for as long as somebody uses them.
type Resting struct {
	File        string
	Source      []byte
	Digest      string
	Name        string
	Description string
	Connection  string
	Params      []*Param
	Triggers    []*Trigger
	// Calls are the workflows that it calls, by the names in its calls, as they were when it was checked.
	Calls map[string]*Resting

	catalogue Catalogue
	mu        sync.Mutex // held while the text is read
	opened    weak.Pointer[Workflow]
}

// Rest returns what is kept of a workflow while it rests. The catalogue is the one that it was checked against.
func (w *Workflow) Rest(catalogue Catalogue) *Resting {
	return w.rest(catalogue, map[*Workflow]*Resting{})
}

// rest has a workflow that several call be kept once.
func (w *Workflow) rest(catalogue Catalogue, kept map[*Workflow]*Resting) *Resting {
	if r := kept[w]; r != nil {
		return r
	}
	r := &Resting{
		File: w.File, Source: w.Source, Digest: w.Digest, Name: w.Name, Description: w.Description, Connection: w.Connection,
		Params: w.Params, Triggers: w.Triggers, catalogue: catalogue, opened: weak.Make(w),
	}
	kept[w] = r
	if len(w.Calls) > 0 {
		r.Calls = make(map[string]*Resting, len(w.Calls))
	}
	for name, callee := range w.Calls {
		r.Calls[name] = callee.rest(catalogue, kept)
	}
	return r
}

// Reach is the workflow and all that it calls, and they call in turn, each once and after what it calls.
func (r *Resting) Reach() []*Resting {
	var list []*Resting
	seen := map[*Resting]bool{}
	var visit func(*Resting)
	visit = func(one *Resting) {
		if seen[one] {
			return
		}
		seen[one] = true
		for _, name := range slices.Sorted(maps.Keys(one.Calls)) {
			visit(one.Calls[name])
		}
		list = append(list, one)
	}
	visit(r)
	return list
}

// Open returns the whole workflow. It is read again from its text, and from those of what it calls as they were when it was
// checked, unless somebody has it open still: files may have changed meanwhile. Safe for concurrent use. The error is a
// fault of the program: the text was good.
func (r *Resting) Open() (*Workflow, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if open := r.opened.Value(); open != nil {
		return open, nil
	}
	within := asChecked{}
	within.add(r)
	workflow, problems := ParseIn(r.File, r.Source, r.catalogue, within)
	if workflow == nil {
		return nil, fmt.Errorf("reading the workflow %s again, which was good before: %w", r.Name, problems.Err())
	}
	r.opened = weak.Make(workflow)
	return workflow, nil
}

// asChecked are workflows by the names in calls. One name means one file, whoever of one folder writes it.
type asChecked map[string]*Resting

func (a asChecked) add(r *Resting) {
	for name, callee := range r.Calls {
		if a[name] == nil {
			a[name] = callee
			a.add(callee)
		}
	}
}

// Source implements Folder.
func (a asChecked) Source(name string) (file string, source []byte, err error) {
	r := a[name]
	if r == nil {
		return "", nil, fmt.Errorf("it was checked without the workflow %q", name)
	}
	return r.File, r.Source, nil
}
