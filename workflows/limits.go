package workflows

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

var (
	limitKeys = keySet{known: []string{
		"by", "match", "rate", "burst", "gap", "hourly", "daily", "rest", "warm_up", "per", "max", "over",
	}}
	// limitLater are the keys of limitKeys that are checked, and not enforced yet.
	limitLater = []string{"rest", "warm_up", "per", "max", "over"}
	restKeys   = keySet{known: []string{"after", "for"}}
)

// callScope is what the expressions of a limit see.
func callScope() expression.Scope {
	fields := map[string]expression.Type{}
	for _, name := range []string{"account", "friend", "operation", "effect", "connection", "workflow"} {
		fields[name] = text1
	}
	return expression.Scope{"call": {Kind: expression.Object, Fields: fields}}
}

// limits reads named limits. Own ones are a workflow's, which may leave `by` and `match` to the project's limit of
// their name.
func (d *decoder) limits(node *yaml.Node, keys keySet, own bool) []*Limit {
	all, ok := d.object(node, "limits")
	if !ok {
		return nil
	}
	var limits []*Limit
	for _, e := range all.entries {
		name, named := d.identifier(e.key, "the limit")
		limit := d.limit(e, keys)
		if !named || limit == nil {
			continue
		}
		if limit.Name = name; own {
			limit.inherit()
		}
		limits = append(limits, limit)
	}
	return limits
}

func (d *decoder) limit(e entry, keys keySet) *Limit {
	all, ok := d.fields(e.value, "a limit", keys)
	if !ok {
		return nil
	}
	limit := &Limit{Burst: 1, Span: d.text.spanOf(e.key), File: d.file}
	in := names{scope: callScope()}
	if node := all.get("by"); node != nil {
		limit.By = d.bare(node, "by", in, text1)
	}
	if node := all.get("match"); node != nil {
		limit.Match = d.bare(node, "match", in, bool1)
	}
	if node := all.get("rate"); node != nil {
		limit.Rate = d.rate(node)
	}
	if node := all.get("gap"); node != nil {
		limit.GapMin, limit.GapMax = d.durations(node, "gap")
	}
	for _, one := range []struct {
		key  string
		into *int
	}{{"burst", &limit.Burst}, {"hourly", &limit.Hourly}, {"daily", &limit.Daily}} {
		if node := all.get(one.key); node != nil {
			*one.into, _ = d.integer(node, one.key, 1, 1_000_000_000)
		}
	}
	d.limitLater(all)
	if !all.has("rate") && !all.has("gap") && !all.has("hourly") && !all.has("daily") && !all.has("max") && !all.has("rest") && !all.has("warm_up") {
		d.at(e.key, "empty", "the limit %q limits nothing: give it a rate, gap, hourly or daily", e.key.Value)
	}
	return limit
}

func (d *decoder) rate(node *yaml.Node) Rate {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		d.wrong(node, "rate", "a rate such as 20/min")
		return Rate{}
	}
	rate, err := ParseRate(node.Value)
	if err != nil {
		d.at(node, "bad-rate", "%s", err)
	}
	return rate
}

// limitLater checks the keys that are not in force yet and warns of each.
func (d *decoder) limitLater(all fields) {
	for _, key := range limitLater {
		e, ok := all.byName[key]
		if !ok {
			continue
		}
		d.warn(d.text.spanOf(e.key), "not-yet", fmt.Sprintf("%q is not enforced yet", key))
		switch key {
		case "rest":
			if rest, ok := d.fields(e.value, "rest", restKeys); ok {
				if node := rest.get("after"); node != nil {
					d.integer(node, "after", 1, 1_000_000_000)
				}
				if node := rest.get("for"); node != nil {
					d.durations(node, "for")
				}
			}
		case "warm_up":
			caps, _ := d.items(e.value, "warm_up")
			for _, node := range caps {
				d.integer(node, "warm_up", 1, 1_000_000_000)
			}
		case "per":
			d.duration(e.value, "per")
		case "max":
			d.integer(e.value, "max", 1, 1_000_000_000)
		case "over":
			if over, ok := d.str(e.value, "over"); ok && over != "hold" && over != "skip" {
				d.at(e.value, "not-allowed", "over is hold or skip, not %q", over)
			}
		}
	}
}

// inherit keeps what a workflow's limit counts when no shared limit has its name.
func (l *Limit) inherit() {
	scope := callScope()
	messages, _ := expression.Compile(`call.effect == "message"`, scope, bool1)
	switch l.Name {
	case "account":
		l.defaultBy, _ = expression.Compile(`call.account`, scope, text1)
		l.defaultMatch = messages
	case "customer":
		l.defaultBy, _ = expression.Compile(`call.account + "/" + call.friend`, scope, text1)
		l.defaultMatch = messages
	}
}

// ResolveLimits returns a workflow's own limits with what they count: `by` and `match` as the file gives them, else as
// the shared limit of that name has them, else by account for the name account, by account and friend for the name
// customer (messages only, both), and every call in one bucket for any other name. The shared limits are not changed.
func ResolveLimits(w *Workflow, shared []*Limit) []*Limit {
	resolved := make([]*Limit, len(w.Limits))
	for i, own := range w.Limits {
		limit := *own
		limit.Scope = w.Name
		by, match := own.defaultBy, own.defaultMatch
		for _, one := range shared {
			if one.Name == own.Name {
				by, match = one.By, one.Match
			}
		}
		if limit.By == nil {
			limit.By = by
		}
		if limit.Match == nil {
			limit.Match = match
		}
		resolved[i] = &limit
	}
	return resolved
}

// LimitWarnings says so when no limit holds back the messages that a workflow sends: nothing slows a run down then. With
// nil it looks at the shared limits alone.
func LimitWarnings(w *Workflow, shared []*Limit) diagnostic.List {
	limits := shared
	file := ""
	if w != nil {
		if !w.sends() {
			return nil
		}
		limits, file = append(append([]*Limit(nil), shared...), w.Limits...), w.File
	}
	for _, limit := range limits {
		if limit.Name == "account" || limit.By != nil && strings.Contains(limit.By.Source(), "call.account") {
			return nil
		}
	}
	return diagnostic.List{{
		File: file, Span: start, Severity: diagnostic.Warning, Code: "no-account-limit",
		Message: "no limit holds back the messages of an account: add `limits: { account: { rate: 20/min, gap: 2s..6s } }` to youmiflow.yaml",
	}}
}

// sends tells whether a step of the workflow may reach a person.
func (w *Workflow) sends() bool {
	found := false
	var look func([]*Step)
	look = func(list []*Step) {
		for _, step := range list {
			found = found || step.Uses != nil && step.Uses.Type != nil && step.Uses.Type.Effect == EffectMessage
			look(step.Steps)
			look(step.Finally)
		}
	}
	look(w.Steps)
	look(w.Finally)
	return found
}
