package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// maxTests bounds the tests of one file.
const maxTests = 10_000

// reader reads one file of tests.
type reader struct {
	*workflows.Reader
	location *time.Location
}

// Read reads a file of tests. Times without an offset are in the location. Where there are errors, the file is what could be
// read of it, for Check to look at the rest; nil when there is nothing.
func Read(path string, source []byte, location *time.Location) (*File, diagnostic.List) {
	yamlReader, root := workflows.NewReader(path, source)
	r := reader{yamlReader, location}
	file := &File{Path: path}
	if root == nil {
		if !r.Problems().HasErrors() {
			r.FailAll("empty", "the file is empty: it needs tests")
		}
		return nil, r.Problems()
	}
	keys, ok := r.Object(root, "a file of tests", names(fileKeys())...)
	if !ok {
		return nil, r.Problems()
	}
	r.file(file, root, keys)
	return file, r.Problems()
}

func (r reader) file(file *File, root *yaml.Node, keys map[string]*yaml.Node) {
	if node := keys["workflow"]; node != nil {
		file.Workflow.Value, _ = r.Text(node, "workflow")
		file.Workflow.Span = r.Span(node)
	}
	node := keys["tests"]
	if node == nil {
		r.Fail(root, "missing-key", "the file needs the key tests: a list", "")
		return
	}
	list, ok := r.Items(node, "tests")
	switch {
	case !ok:
		return
	case len(list) == 0:
		r.Fail(node, "missing-key", "tests is empty", "")
	case len(list) > maxTests:
		r.Fail(node, "out-of-range", fmt.Sprintf("a file may hold %d tests, and these are %d", maxTests, len(list)), "")
		return
	}
	lines := map[string]int{}
	for _, node := range list {
		test := r.test(node)
		if line, twice := lines[test.Name.Value]; twice && test.Name.Value != "" {
			r.Fail(node, "duplicate-key", fmt.Sprintf("the test %q is there twice: it stands on line %d already", test.Name.Value, line), "")
		}
		lines[test.Name.Value] = node.Line
		file.Tests = append(file.Tests, test)
	}
}

// defaultClock is when a test runs that does not say: a Monday at ten.
func defaultClock(location *time.Location) time.Time {
	return time.Date(2026, time.January, 5, 10, 0, 0, 0, location)
}

func (r reader) test(node *yaml.Node) *Test {
	test := &Test{Seed: 1, Clock: defaultClock(r.location), Name: Text{Span: r.Span(node)}}
	keys, ok := r.Object(node, "a test", names(testKeys())...)
	if !ok {
		return test
	}
	for _, needed := range []string{"name", "expect"} {
		if keys[needed] == nil {
			r.Fail(node, "missing-key", "a test needs the key "+needed, "")
		}
	}
	r.given(keys["name"], func(n *yaml.Node) { test.Name = r.text(n, "name") })
	r.given(keys["clock"], func(n *yaml.Node) { r.clock(n, test) })
	r.given(keys["params"], func(n *yaml.Node) { r.params(n, test) })
	r.given(keys["audience"], func(n *yaml.Node) { r.audience(n, test) })
	r.given(keys["answers"], func(n *yaml.Node) { r.answers(n, test) })
	r.given(keys["limits"], func(n *yaml.Node) { test.NoLimits = r.oneOf(n, "limits", "project", "none") == "none" })
	r.given(keys["faults"], func(n *yaml.Node) { r.faults(n, test) })
	r.given(keys["approvals"], func(n *yaml.Node) { r.approvals(n, test) })
	r.given(keys["trigger"], func(n *yaml.Node) { r.trigger(n, test) })
	r.given(keys["test_to"], func(n *yaml.Node) { r.sendTo(n, test) })
	r.given(keys["during"], func(n *yaml.Node) { r.during(n, test) })
	if test.Trigger != nil {
		r.given(keys["params"], func(n *yaml.Node) {
			r.Fail(n, "not-allowed", "the trigger gives the params of its runs: leave `params` out", "")
		})
		r.given(keys["test_to"], func(n *yaml.Node) {
			r.Fail(n, "not-allowed", "a run that a trigger starts is no test send: leave `test_to` or `trigger` out", "")
		})
	}
	r.given(keys["seed"], func(n *yaml.Node) {
		seed, _ := r.Integer(n, "seed", 1, 1<<31)
		test.Seed = uint64(seed)
	})
	test.Location = test.Clock.Location()
	r.given(keys["expect"], func(n *yaml.Node) { r.expect(n, test) })
	return test
}

func (r reader) given(node *yaml.Node, read func(*yaml.Node)) {
	if node != nil {
		read(node)
	}
}

func (r reader) text(node *yaml.Node, what string) Text {
	value, _ := r.Scalar(node, what)
	return Text{value, r.Span(node)}
}

// oneOf reads one of some words.
func (r reader) oneOf(node *yaml.Node, what string, words ...string) string {
	value, ok := r.Scalar(node, what)
	if ok && !slices.Contains(words, value) {
		r.Fail(node, "not-allowed", fmt.Sprintf("%s is one of %s, not %q", what, strings.Join(words, ", "), value), diagnostic.Suggest(value, words))
	}
	return value
}

func (r reader) clock(node *yaml.Node, test *Test) {
	text, ok := r.Scalar(node, "clock")
	if !ok {
		return
	}
	at, _, err := parseClock(text, r.location)
	if err != nil {
		r.Fail(node, "bad-time", "clock: "+err.Error(), "")
		return
	}
	test.Clock = at
}

func (r reader) params(node *yaml.Node, test *Test) {
	fields, _ := r.Fields(node, "params")
	test.Params, test.places, test.params = map[string]any{}, map[string]diagnostic.Span{}, r.Span(node)
	for _, field := range fields {
		test.Params[field.Key.Value], _ = r.Plain(field.Value, field.Key.Value)
		test.places[field.Key.Value] = r.Span(field.Value)
	}
}

func (r reader) audience(node *yaml.Node, test *Test) {
	fields, _ := r.Fields(node, "audience")
	for _, field := range fields {
		one := Audience{Step: Text{field.Key.Value, r.Span(field.Key)}}
		if field.Value.Kind == yaml.ScalarNode {
			one.File, _ = r.Text(field.Value, field.Key.Value)
		} else {
			r.rows(field.Value, &one)
		}
		test.Audience = append(test.Audience, one)
	}
}

func (r reader) rows(node *yaml.Node, audience *Audience) {
	list, _ := r.Items(node, audience.Step.Value)
	seen := map[string]bool{}
	for _, item := range list {
		cells, _ := r.Fields(item, "a row")
		one := row{texts: map[string]string{}, values: map[string]any{}}
		for _, cell := range cells {
			name := cell.Key.Value
			if !seen[name] {
				seen[name] = true
				audience.Columns = append(audience.Columns, name)
			}
			one.values[name] = r.cell(cell.Value, name)
			if cell.Value.Kind == yaml.ScalarNode && cell.Value.Tag != "!!null" {
				one.texts[name] = cell.Value.Value
			}
		}
		audience.Rows = append(audience.Rows, one)
	}
}

// cell reads a value of a row. A number with a leading zero is an identifier, and so text.
func (r reader) cell(node *yaml.Node, name string) any {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!int" && len(node.Value) > 1 && node.Value[0] == '0' && strings.Trim(node.Value, "0123456789") == "" {
		return node.Value
	}
	value, _ := r.Plain(node, name)
	return value
}

func (r reader) answers(node *yaml.Node, test *Test) {
	fields, _ := r.Fields(node, "answers")
	for _, field := range fields {
		value, ok := r.Plain(field.Value, field.Key.Value)
		outputs, isObject := value.(map[string]any)
		if ok && !isObject {
			r.Fail(field.Value, "wrong-type", field.Key.Value+" needs the outputs of the step, an object (name: value)", "")
		}
		test.Answers = append(test.Answers, Answer{Text{field.Key.Value, r.Span(field.Key)}, outputs})
	}
}

func (r reader) faults(node *yaml.Node, test *Test) {
	list, _ := r.Items(node, "faults")
	for _, item := range list {
		text, ok := r.Text(item, "a fault")
		if !ok {
			continue
		}
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			r.Fail(item, "not-allowed", err.Error(), "")
			continue
		}
		test.Faults, test.faults = append(test.Faults, fault), append(test.faults, r.Span(item))
	}
}

func (r reader) approvals(node *yaml.Node, test *Test) {
	fields, _ := r.Fields(node, "approvals")
	for _, field := range fields {
		one := Approval{Step: Text{field.Key.Value, r.Span(field.Key)}, By: "test"}
		decision := field.Value
		if decision.Kind == yaml.MappingNode {
			keys, _ := r.Object(decision, field.Key.Value, names(approvalKeys())...)
			r.given(keys["after"], func(n *yaml.Node) { one.After, _ = r.Duration(n, "after") })
			r.given(keys["by"], func(n *yaml.Node) { one.By, _ = r.Scalar(n, "by") })
			r.given(keys["note"], func(n *yaml.Node) { one.Note, _ = r.Scalar(n, "note") })
			if decision = keys["decision"]; decision == nil {
				r.Fail(field.Value, "missing-key", field.Key.Value+" needs the key decision", "")
				continue
			}
		}
		one.Decision = workflows.Decision(r.oneOf(decision, field.Key.Value, decisions()...))
		test.Approvals = append(test.Approvals, one)
	}
}

// number reads a whole number from 0 on.
func (r reader) number(node *yaml.Node, what string) int {
	n, _ := r.Integer(node, what, 0, 1<<31)
	return n
}
