package folder

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// codeInvalidCallee is the code of a call of a workflow that has errors.
const codeInvalidCallee = "invalid-workflow"

// version is a text that was good.
type version struct {
	workflow *workflows.Resting
	commit   string
	root     string
	since    time.Time
}

// entry is one file of the folder.
type entry struct {
	*file
	path     string             // relative to the project's folder
	workflow *workflows.Resting // of the text as it is; nil when it is broken
	problems diagnostic.List
	good     *version // the last one that was in force; nil when there has not been one
	demoted  bool     // the text has errors of its own: who calls it gets the last good one
	refused  bool     // the text is good, and its name is another file's
}

// broken tells that the text as it is cannot be used.
func (e *entry) broken() bool { return e.workflow == nil }

// stem is the file's name without suffix.
func (e *entry) stem() string { return strings.TrimSuffix(e.name, path.Ext(e.name)) }

// effective is the text that others see of the entry when they call it: a good one, where there has been one.
func (e *entry) effective() []byte {
	if e.demoted && e.good != nil {
		return e.good.workflow.Source
	}
	return e.source
}

// alone tells that nothing else decides whether the text is good.
func (e *entry) alone() bool { return !bytes.Contains(e.source, []byte("call")) }

// given is the name of a broken text, as far as it can be told.
func (e *entry) given() string {
	if name := workflows.GivenName(e.source); name != "" {
		return name
	}
	return e.stem()
}

// origin is where files come from.
type origin struct {
	base   string // the folder of workflows, relative to the project's folder, with slashes; "" when it is that one
	commit string
	root   string // the project's folder
	now    time.Time
}

// shelf holds every file with its last good version. It reads nothing; it is given what has been read.
type shelf struct {
	catalogue workflows.Catalogue
	entries   map[string]*entry // by file name
	owners    map[string]string // name of a workflow -> file name of whose version is in force
}

// replace puts the files in place of those before, and returns them as readers see them. Restore finds the last good
// version of a file that is broken and has not been seen before; nil: none is looked for.
func (s *shelf) replace(files []*file, from origin, restore func(*entry) *version) []Loaded {
	next := make(map[string]*entry, len(files))
	order := make([]*entry, 0, len(files))
	for _, f := range files {
		one := &entry{file: f, path: path.Join(from.base, f.name)}
		if before := s.entries[f.name]; before != nil {
			one.good = before.good
		}
		next[f.name] = one
		order = append(order, one)
	}
	adopt := s.adopting(next, restore)
	s.check(order, func(e *entry) {
		e.demoted = true
		adopt(e)
	})
	loaded := s.claim(order, from, adopt)
	s.entries = next
	return loaded
}

// check parses what has changed, or calls something that has. Demote is told of texts with errors of their own.
func (s *shelf) check(order []*entry, demote func(*entry)) {
	view := newView(order)
	var open []*entry
	for _, e := range order {
		before := s.entries[e.name]
		switch {
		case e.problem != "":
			e.problems = diagnostic.List{{File: e.path, Severity: diagnostic.Error, Code: "unreadable", Message: "the file cannot be read: " + e.problem}}
			demote(e)
		case before != nil && before.workflow != nil && before.digest == e.digest && before.path == e.path && view.same(before.workflow):
			e.workflow, e.problems = before.workflow, before.problems
		case before != nil && before.demoted && !before.refused && before.problem == "" && before.digest == e.digest && before.path == e.path && e.alone():
			e.problems = before.problems
			demote(e)
		default:
			open = append(open, e)
		}
	}
	// What calls a text that has errors is checked again beside the last good version of that. Every round but the last
	// settles one file at least.
	for len(open) > 0 {
		var reading *workflows.Reading
		var again []*entry
		for i, e := range open {
			if i%readTogether == 0 {
				if i > 0 {
					runtime.GC()
				}
				reading = workflows.NewReading(s.catalogue, view)
			}
			e.workflow, e.problems = s.parse(reading, e)
			switch {
			case e.workflow != nil:
			case onlyCallees(e.problems):
				again = append(again, e)
			default:
				demote(e)
			}
		}
		if len(again) == len(open) {
			for _, e := range again {
				demote(e)
			}
			return
		}
		open = again
		view.refresh()
	}
}

// readTogether is how many files share a Reading. It holds every file that it has read, in full: a thousand would need more
// memory than all the rest. What several of them call is read again in the next. In between the memory is collected, so that
// the next takes the place of the last: what stays would else be scattered over several times the room that it needs.
const readTogether = 64

// parse checks the text of an entry; nil when it has errors. A good one is kept at rest.
func (s *shelf) parse(reading *workflows.Reading, e *entry) (*workflows.Resting, diagnostic.List) {
	workflow, problems := reading.Parse(e.path, e.source)
	if workflow == nil {
		return nil, problems
	}
	return workflow.Rest(s.catalogue), problems
}

// onlyCallees tells that a text has no errors but those of what it calls.
func onlyCallees(problems diagnostic.List) bool {
	return !slices.ContainsFunc(problems, func(d diagnostic.Diagnostic) bool {
		return d.Severity != diagnostic.Warning && d.Code != codeInvalidCallee
	})
}

// adopting finds the last good version of a broken file that has none: that of the file that was renamed to this one, or
// one kept from an earlier process.
func (s *shelf) adopting(next map[string]*entry, restore func(*entry) *version) func(*entry) {
	gone := map[string]*version{} // by the names of files that are no more
	for _, file := range sortedKeys(s.entries) {
		if e := s.entries[file]; next[file] == nil && e.good != nil && gone[e.good.workflow.Name] == nil {
			gone[e.good.workflow.Name] = e.good
		}
	}
	return func(e *entry) {
		if e.good == nil {
			e.good = gone[e.given()]
		}
		if e.good == nil && restore != nil {
			e.good = restore(e)
		}
	}
}

// claim gives every name to one file. Adopt finds the last good version of a file whose text cannot have the name it wants.
func (s *shelf) claim(order []*entry, from origin, adopt func(*entry)) []Loaded {
	owners := map[string]*entry{}
	for _, e := range order {
		if name := e.claims(); name != "" {
			if held := owners[name]; held == nil || s.owners[name] == e.name {
				owners[name] = e
			}
		}
	}
	for _, e := range order {
		if name := e.claims(); name != "" && owners[name] != e && !e.broken() {
			e.refuse(owners[name])
			adopt(e)
		}
	}
	// What has lost its new name keeps its last good version, where that has another.
	for _, e := range order {
		if name := e.claims(); name != "" && owners[name] == nil {
			owners[name] = e
		}
	}
	s.owners = map[string]string{}
	var loaded []Loaded
	for _, e := range order {
		if one, ok := e.load(owners, from); ok {
			loaded = append(loaded, one)
		}
	}
	for name, e := range owners {
		if e.good != nil {
			s.owners[name] = e.name
		}
	}
	slices.SortFunc(loaded, func(a, b Loaded) int { return strings.Compare(a.Name, b.Name) })
	return loaded
}

// claims is the name that an entry would have: that of its text, else that of its last good version.
func (e *entry) claims() string {
	switch {
	case !e.broken():
		return e.workflow.Name
	case e.good != nil:
		return e.good.workflow.Name
	}
	return ""
}

// codeDuplicateName is the code of a second file of one name.
const codeDuplicateName = "duplicate-name"

// refuse says that another file has the name.
func (e *entry) refuse(owner *entry) {
	at := diagnostic.Span{Line: 1, Column: 1, EndColumn: 1}
	for i, line := range strings.Split(string(e.source), "\n") {
		if strings.HasPrefix(line, "name:") {
			at = diagnostic.Span{Line: i + 1, Column: 1, EndColumn: 1 + len("name")}
			break
		}
	}
	e.problems = append(slices.Clone(e.problems), diagnostic.Diagnostic{
		File: e.path, Span: at, Severity: diagnostic.Error, Code: codeDuplicateName,
		Message: fmt.Sprintf("%s is named %q as well: give this workflow another name", owner.path, e.workflow.Name),
	})
	e.problems.Sort()
	e.workflow, e.refused = nil, true
}

// load is the entry as readers see it. It is left out when its name is another's.
func (e *entry) load(owners map[string]*entry, from origin) (Loaded, bool) {
	name := e.claims()
	if name == "" {
		name = e.given()
	}
	if owner := owners[name]; owner != nil && owner != e {
		e.good = nil // the name is another file's now, and with it what is in force
		return Loaded{}, false
	}
	if !e.broken() {
		if e.good == nil || e.good.workflow != e.workflow || e.good.commit != from.commit {
			since := from.now
			if e.good != nil && e.good.workflow.Digest == e.workflow.Digest {
				since = e.good.since
			}
			e.good = &version{workflow: e.workflow, commit: from.commit, root: from.root, since: since}
		}
	}
	owners[name] = e
	one := Loaded{Name: name, File: e.path, Broken: e.broken(), Problems: e.problems}
	if e.good != nil {
		one.Workflow, one.Commit, one.Root, one.Since = e.good.workflow, e.good.commit, e.good.root, e.good.since
	}
	return one, true
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
