package workflows

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

var (
	limitKeys = keySetOf(
		key{"by", expressionShape(), "An expression: calls with the same value share one count. It sees call.account, friend, operation, effect, connection and workflow."},
		key{"match", conditionShape, `An expression: which calls are concerned, such as call.effect == "message". Without it, all.`},
		key{"rate", rateShape, "So many calls per s, min, h or d, spread evenly: 20/min."},
		key{"burst", wholeNumberShape(1, maxCount), "How many calls may follow each other at once after a rest. Without it, 1."},
		key{"gap", durationsShape, "The least time between two calls: 4s, or 2s..6s to draw it anew each time."},
		key{"hourly", wholeNumberShape(1, maxCount), "At most so many calls in an hour."},
		key{"daily", wholeNumberShape(1, maxCount), "At most so many calls in a day."},
		key{"rest", refShape("rest"), "A pause after so many calls: { after: 30, for: 2m..5m }."},
		key{"warm_up", filledShape(wholeNumberShape(1, maxCount)), "The daily caps of the first days on which an account sends: [50, 100, 200]. Afterwards `daily` holds alone."},
		key{"per", durationShape, "With `max`: the span of a frequency cap, such as 7d."},
		key{"max", wholeNumberShape(1, MaxContacts), "With `per`: so many contacts within any such span."},
		key{"over", described(wordShape(OverHold, OverSkip), "it waits until the cap lets it pass", "it is skipped, with the reason"),
			"With `max`: what becomes of a row beyond the cap. Without it, hold."},
	)
	restKeys = keySetOf(
		key{"after", wholeNumberShape(1, maxCount), "After so many calls."},
		key{"for", durationsShape, "How long: 2m, or 2m..5m to draw it anew each time."},
	).needing("after", "for")
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
// their name; shared ones of a well-known name count what that says when they have neither.
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
		limit.Name = name
		d.inherit(limit)
		if !own && limit.By == nil && limit.Match == nil {
			limit.By, limit.Match = limit.defaultBy, limit.defaultMatch
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
	d.rests(limit, all)
	d.cap(limit, all)
	if !slices.ContainsFunc([]string{"rate", "gap", "hourly", "daily", "rest", "warm_up", "max", "per", "over"}, all.has) {
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

// rest reads after how many calls there is a pause, and how long it is.
func (d *decoder) rest(limit *Limit, node *yaml.Node) {
	rest, ok := d.fields(node, "rest", restKeys)
	if !ok {
		return
	}
	if after := rest.get("after"); after != nil {
		limit.RestAfter, _ = d.integer(after, "after", 1, maxCount)
	} else {
		d.at(node, "missing-key", "rest needs the key \"after\", a number of calls")
	}
	if pause := rest.get("for"); pause != nil {
		limit.RestMin, limit.RestMax = d.durations(pause, "for")
	} else {
		d.at(node, "missing-key", "rest needs the key \"for\", a duration such as 2m or 2m..5m")
	}
}

// rests reads the pauses of a limit, and the caps of its first days.
func (d *decoder) rests(limit *Limit, all fields) {
	if node := all.get("rest"); node != nil {
		d.rest(limit, node)
	}
	node := all.get("warm_up")
	if node == nil {
		return
	}
	days, ok := d.items(node, "warm_up")
	if ok && len(days) == 0 {
		d.at(node, "empty", "there is no day in warm_up: list the caps of the first days, such as [50, 100, 200]")
	}
	if len(days) > maxWarmUp {
		d.at(days[maxWarmUp], "out-of-range", "warm_up has at most %d days", maxWarmUp)
		return
	}
	for _, one := range days {
		most, ok := d.integer(one, "warm_up", 1, maxCount)
		if n := len(limit.WarmUp); ok && n > 0 && most < limit.WarmUp[n-1] {
			d.at(one, "out-of-range", "warm_up must not fall: %d after %d", most, limit.WarmUp[n-1])
		}
		limit.WarmUp = append(limit.WarmUp, most)
	}
}

// MaxContacts bounds Limit.Max: the contacts of a key are read and written with each of its messages.
const MaxContacts = 1000

// maxWarmUp bounds the first days of a key.
const maxWarmUp = 366

// cap reads a frequency cap: so many contacts within any span of time.
func (d *decoder) cap(limit *Limit, all fields) {
	limit.Over = choice(d, all, "over", OverHold, OverSkip)
	if node := all.get("per"); node != nil {
		limit.Per, _ = d.duration(node, "per")
	}
	if node := all.get("max"); node != nil {
		limit.Max, _ = d.integer(node, "max", 1, MaxContacts)
	}
	for _, pair := range [][2]string{{"max", "per"}, {"per", "max"}, {"over", "max"}} {
		if e := all.byName[pair[0]]; e.key != nil && !all.has(pair[1]) {
			d.at(e.key, "missing-key", "%q needs %q besides: a frequency cap is so many contacts, max, within a span of time, per", pair[0], pair[1])
			return
		}
	}
}

// inherit keeps what a limit of a well-known name counts when nothing else says so.
func (d *decoder) inherit(l *Limit) {
	if l.Name != "account" && l.Name != "customer" {
		return
	}
	scope := callScope()
	by := map[string]string{"account": `call.account`, "customer": `call.account + "/" + call.friend`}[l.Name]
	l.defaultBy, _ = d.compile(by, scope, text1) // both are right, as a test shows
	l.defaultMatch, _ = d.compile(`call.effect == "message"`, scope, bool1)
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
	const advice = "add `limits: { account: { rate: 20/min, gap: 2s..6s } }` to youmiflow.yaml"
	if limitsAccounts(shared) {
		return nil
	}
	warning := diagnostic.Diagnostic{Span: start, Severity: diagnostic.Warning, Code: "no-account-limit",
		Message: "no limit holds back the messages of an account: " + advice}
	if w == nil {
		return diagnostic.List{warning}
	}
	for _, one := range slices.Backward(w.Reach()) {
		if !one.sends() || limitsAccounts(one.Limits) {
			continue
		}
		if warning.File = w.File; one != w {
			warning.Message = fmt.Sprintf("no limit holds back the messages that the workflow %q sends, which is called here: %s", one.Name, advice)
		}
		return diagnostic.List{warning}
	}
	return nil
}

func limitsAccounts(limits []*Limit) bool {
	return slices.ContainsFunc(limits, func(limit *Limit) bool {
		return limit.Name == "account" || limit.By != nil && strings.Contains(limit.By.Source(), "call.account")
	})
}

// sends tells whether a step of the workflow may reach a person.
func (w *Workflow) sends() bool {
	found := false
	w.Each(func(step *Step) {
		found = found || step.Uses != nil && step.Uses.Type != nil && step.Uses.Type.Effect == EffectMessage
	})
	return found
}
