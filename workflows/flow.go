package workflows

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

const (
	// defaultEvery and defaultFor are how often and how long a wait looks when the file does not say.
	defaultEvery = time.Minute
	defaultFor   = 24 * time.Hour
	leastEvery   = 100 * time.Millisecond
)

var (
	branchKeys = keySetOf(
		key{"steps", stepsShape, "The steps of the branch."},
	).needing("steps")
	waitKeys = keySetOf(
		key{"until", conditionShape, "An expression that is looked at again and again until it is true. now() is the time of the look."},
		key{"every", durationShape, "How often to look. Without it, 1m."},
		key{"for", durationShape, "How long at the most; then the step fails with the code timeout. Without it, 24h."},
	).needing("until")
	approveKeys = keySetOf(
		key{"text", templateShape, "What is asked. Without it, the step's name."},
		key{"for", durationShape, "How long to wait for an answer. Without it, for ever."},
		key{"default", wordShape(DecisionReject, DecisionApprove), "With `for`: what counts when nobody has answered by then. Without it, reject."},
	)
)

// parallel reads branches that run at the same time. They share the ids of the scope around them; each sees its own steps
// and what came before, and what comes after sees them all.
func (p *parser) parallel(step *Step, all fields, f *frame) {
	node := all.get("parallel")
	named, ok := p.object(node, "parallel")
	if !ok {
		return
	}
	if len(named.entries) == 0 {
		p.at(node, "empty", "there is no branch in this parallel")
	}
	var branches []*frame
	for _, e := range named.entries {
		if strings.TrimSpace(e.key.Value) == "" {
			p.at(e.key, "bad-id", "a branch needs a name")
		}
		list := e.value
		if list.Kind != yaml.SequenceNode {
			body, ok := p.fields(list, "a branch", branchKeys)
			if !ok {
				continue
			}
			if list = body.get("steps"); list == nil {
				p.at(e.key, "missing-key", "the branch %q needs \"steps\"", e.key.Value)
				continue
			}
		}
		inner := f.branch(node, e.key)
		step.Parallel = append(step.Parallel, &Branch{Name: e.key.Value, Steps: p.list(list, inner)})
		branches = append(branches, inner)
	}
	for _, inner := range branches {
		for _, id := range inner.added {
			f.see(id, inner.visible[id])
		}
	}
}

// wait reads how time passes: a duration, a time, or an expression that is looked at until it holds.
func (p *parser) wait(step *Step, all fields, f *frame) {
	e := all.byName["wait"]
	if all.has("steps") && e.value.Kind != yaml.MappingNode {
		p.at(all.byName["steps"].key, "step-kind", "\"steps\" beside a wait run before each look at its `until`: this wait has none")
	}
	if list := all.get("steps"); list != nil {
		looking := f.looking
		f.looking = true
		step.Steps = p.list(list, f)
		f.looking = looking
	}
	step.Wait = &Wait{}
	if e.value.Kind == yaml.MappingNode {
		p.waitUntil(step, e, f)
		return
	}
	p.waitOnce(step.Wait, e.value, f)
}

// waitOnce reads a duration or a time.
func (p *parser) waitOnce(wait *Wait, node *yaml.Node, f *frame) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		p.wrong(node, "wait", "a duration such as 2d, a time such as 2026-11-11T10:00:00+08:00, or an object with `until`")
		return
	}
	if strings.Contains(node.Value, "${{") {
		value := p.value(node, "wait", &Field{}, p.in(f, f.names))
		if value == nil {
			return
		}
		switch value.Type().Kind {
		case expression.Duration:
			wait.Duration = value
		case expression.Time:
			wait.At = value
		default:
			p.at(node, "type-mismatch", "wait needs a duration or a time, and this is %s: write duration(…) or date(…) around it", typeName(value.Type()))
		}
		return
	}
	if _, err := parseTime(node.Value); err == nil {
		wait.At = p.value(node, "wait", &Field{Type: time1}, names{})
		return
	}
	if value, ok := p.duration(node, "wait"); ok {
		wait.Duration = p.value(node, "wait", &Field{Type: expression.Type{Kind: expression.Duration}}, names{})
		p.waits = append(p.waits, span{p.text.spanOf(node), value})
	}
}

// span is how long something takes at least, and where it stands.
type span struct {
	diagnostic.Span
	lasts time.Duration
}

// waitUntil reads a wait for an expression to hold.
func (p *parser) waitUntil(step *Step, e entry, f *frame) {
	all, ok := p.fields(e.value, "wait", waitKeys)
	if !ok {
		return
	}
	wait := step.Wait
	wait.Every, wait.For = defaultEvery, defaultFor
	if node := all.get("every"); node != nil {
		if every, ok := p.duration(node, "every"); ok && every < leastEvery {
			p.at(node, "out-of-range", "every must be at least %s", leastEvery)
		} else if ok {
			wait.Every = every
		}
	}
	if node := all.get("for"); node != nil {
		wait.For, _ = p.duration(node, "for")
	}
	node := all.get("until")
	if node == nil {
		p.at(e.key, "missing-key", "this wait needs the key \"until\", an expression; for a length of time write `wait: 2d`")
		return
	}
	wait.Until = p.bare(node, "until", p.in(f, f.names), bool1)
	if wait.Until != nil && len(step.Steps) == 0 && !wait.Until.Calls("now") {
		p.warn(p.text.spanOf(node), "until-fixed",
			"this gives the same at every look: use now(), or put `steps` beside the wait, which run before each look")
	}
}

// approve reads a question to a person.
func (p *parser) approve(step *Step, all fields, f *frame) {
	e := all.byName["approve"]
	if f.foreach != nil {
		p.at(e.key, "approve-in-foreach", "nobody can be asked for each item: put the approve before or after the foreach, or ask between its waves")
	}
	step.Approve = &Approve{Default: DecisionReject}
	p.keeping("what is asked", func() { p.question(step.Approve, e.value, f) })
}

// question reads what is asked, how long, and what counts when nobody answers.
func (p *parser) question(approve *Approve, node *yaml.Node, f *frame) {
	text := Field{Type: text1}
	switch {
	case isNull(node) || node.Tag == "!!bool" && strings.EqualFold(node.Value, "true"):
	case node.Kind == yaml.MappingNode:
		settings, ok := p.fields(node, "approve", approveKeys)
		if !ok {
			return
		}
		if node := settings.get("text"); node != nil {
			approve.Text = p.value(node, "text", &text, p.in(f, f.names))
		}
		if node := settings.get("for"); node != nil {
			approve.For, _ = p.duration(node, "for")
		}
		approve.Default = choice(p.decoder, settings, "default", DecisionReject, DecisionApprove)
		if settings.has("default") && !settings.has("for") {
			p.warn(p.text.spanOf(settings.byName["default"].key), "no-effect", "default counts when the time of `for` is over, and there is no `for`")
		}
	default:
		approve.Text = p.value(node, "approve", &text, p.in(f, f.names))
	}
}

// onlyReads refuses what may not run again and again in the steps of a wait.
func (p *parser) onlyReads(kind string, all fields) {
	switch kind {
	case "uses", "set", "steps":
	default:
		p.at(all.byName[kind].key, "wait-steps", "the steps of a wait run before each look: %q cannot be among them", kind)
	}
}
