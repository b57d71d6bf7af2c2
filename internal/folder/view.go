package folder

import (
	"fmt"
	"slices"
	"strings"

	"youmiflow/workflows"
)

// view is the folder as calls see it: every text as it is, or where that has errors of its own, as it was last good.
type view struct {
	order []*entry
	stems map[string]*entry   // by the files' names without suffix
	given map[string][]*entry // by the names that the texts give themselves; nil before they are looked for
	known map[*workflows.Resting]bool
}

func newView(order []*entry) *view {
	v := &view{order: order, stems: map[string]*entry{}, known: map[*workflows.Resting]bool{}}
	for _, e := range order {
		if v.stems[e.stem()] == nil || strings.HasSuffix(e.name, ".yaml") {
			v.stems[e.stem()] = e
		}
	}
	return v
}

// refresh forgets what may have changed since texts have turned out to be broken.
func (v *view) refresh() { v.given = nil }

// Source implements workflows.Folder: by the file's name without suffix, else by the name that the text gives itself.
func (v *view) Source(name string) (string, []byte, error) {
	e, err := v.find(name)
	if err != nil {
		return "", nil, err
	}
	return e.path, e.effective(), nil
}

func (v *view) find(name string) (*entry, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("a call names a workflow of its own folder, without path and suffix, and not %q", name)
	}
	if e := v.stems[name]; e != nil {
		return e, nil
	}
	v.name()
	switch found := v.given[name]; len(found) {
	case 0:
		return nil, fmt.Errorf("there is no workflow %q in the folder", name)
	case 1:
		return found[0], nil
	default:
		var files []string
		for _, e := range found {
			files = append(files, e.name)
		}
		return nil, fmt.Errorf("several workflows are named %q: %s", name, strings.Join(files, ", "))
	}
}

func (v *view) name() {
	if v.given != nil {
		return
	}
	v.given = map[string][]*entry{}
	for _, e := range v.order {
		if name := workflows.GivenName(e.effective()); name != "" {
			v.given[name] = append(v.given[name], e)
		}
	}
}

// Names are all that can be called.
func (v *view) Names() []string {
	v.name()
	names := append(sortedKeys(v.stems), sortedKeys(v.given)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// same tells that what a workflow calls, and that calls in turn, is as it was when the workflow was checked.
func (v *view) same(w *workflows.Resting) bool {
	if known, ok := v.known[w]; ok {
		return known
	}
	same := true
	for name, callee := range w.Calls {
		e, err := v.find(name)
		same = same && err == nil && e.problem == "" && e.digest == callee.Digest && v.same(callee)
	}
	v.known[w] = same
	return same
}
