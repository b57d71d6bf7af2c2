package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/calendar"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxTriggers bounds the triggers of one file.
const maxTriggers = 100

// DefaultMaxRuns is how many runs that an event trigger has started may be unfinished where it does not say; mostMaxRuns is
// what it may say.
const (
	DefaultMaxRuns = 100
	mostMaxRuns    = 1000
)

var triggerKeys = keySetOf(
	key{"schedule", textShape, `When to start, as cron writes it: "0 10 * * MON-FRI" is 10:00 on working days. Also @daily and the like, and @every 90m.`},
	key{"at", textShape, "One instant, such as 2026-11-11T10:00:00+08:00."},
	key{"event", eventShape, "The kind of a pushed event that starts a run."},
	key{"if", conditionShape, "With `event`: an expression over `event`; only events for which it is true start a run."},
	key{"timezone", textShape, "The time zone of the clock, such as Asia/Shanghai. Without it, the project's."},
	key{"overlap", described(wordShape(OverlapSkip, OverlapQueue, OverlapCancel, OverlapAllow),
		"do not start", "start when the other has ended", "cancel the other and start", "start all the same"),
		"What to do while another run of the workflow goes on. Without it, skip, and with `event`, allow."},
	key{"max_runs", wholeNumberShape(1, mostMaxRuns), "With `event`: how many runs that it has started may be unfinished at a time; further events wait in their order. Without it, 100."},
	key{"missed", described(wordShape(MissedSkip, MissedLatest, MissedAll), "forget them", "make up for the last one", "make up for each of them"),
		"What to do about instants at which nobody was there to start a run. Without it, skip."},
	key{"missed_within", durationShape, "With `missed`: how late a run may be made up for."},
	key{"jitter", durationShape, "Starts up to so much later, drawn evenly."},
	key{"from", timeOrDateShape, "With `schedule`: the first date or time at which it fires."},
	key{"until", timeOrDateShape, "With `schedule`: the last date or time at which it fires."},
	key{"params", orNothing(namedShape(anythingShape)), "The params of the runs that it starts."},
)

// triggerOnly says which kinds of trigger a key belongs to; those that are not named here belong to all.
func triggerOnly() map[string][]string {
	return map[string][]string{
		"if": {"event"}, "max_runs": {"event"}, "timezone": {"schedule", "at"}, "missed": {"schedule", "at"}, "missed_within": {"schedule", "at"},
		"jitter": {"schedule", "at"}, "from": {"schedule"}, "until": {"schedule"},
	}
}

// triggers reads what starts runs of the workflow. The params must have been read.
func (p *parser) triggers(node *yaml.Node, params []*Param) []*Trigger {
	nodes, ok := p.items(node, "triggers")
	if !ok {
		return nil
	}
	if len(nodes) == 0 {
		p.at(node, "empty", "there is no trigger in this list: leave `triggers` out when the workflow is only started by hand")
	}
	if len(nodes) > maxTriggers {
		p.at(nodes[maxTriggers], "out-of-range", "a workflow has at most %d triggers", maxTriggers)
		return nil
	}
	var triggers []*Trigger
	count, keys := map[string]int{}, map[string]int{}
	for _, one := range nodes {
		trigger := p.trigger(one, params)
		if trigger == nil {
			continue
		}
		if count[trigger.Name]++; count[trigger.Name] > 1 {
			trigger.Name = fmt.Sprintf("%s (%d)", trigger.Name, count[trigger.Name])
		}
		if keys[trigger.Key]++; trigger.Key != "" && keys[trigger.Key] > 1 {
			trigger.Key = fmt.Sprintf("%s (%d)", trigger.Key, keys[trigger.Key])
		}
		triggers = append(triggers, trigger)
	}
	return triggers
}

func (p *parser) trigger(node *yaml.Node, params []*Param) *Trigger {
	all, ok := p.fields(node, "a trigger", triggerKeys)
	if !ok {
		return nil
	}
	kind := p.triggerKind(all)
	if kind == "" {
		return nil
	}
	t := &Trigger{Span: p.text.spanOf(node), Overlap: OverlapSkip, Missed: MissedSkip}
	scope := expression.Scope{}
	p.zone(&t.Location, all)
	switch kind {
	case "schedule":
		p.schedule(t, all)
	case "at":
		p.instant(t, all.get("at"))
	case "event":
		p.event = true
		t.Event = p.eventKind(all.get("event"))
		t.Name = t.Event
		scope["event"] = eventType()
		if condition := all.get("if"); condition != nil {
			t.If = p.bare(condition, "if", names{scope: scope, explain: p.explainPlace}, bool1)
		}
	}
	p.firing(t, all)
	if kind == "event" && !all.has("overlap") {
		t.Overlap = OverlapAllow // each event is somebody else's: none is passed over
	}
	if kind == "event" {
		p.maxRuns(t, all)
		t.Key = eventKey(t, all.get("params"))
	}
	p.triggerParams(t, all, params, names{scope: scope, explain: p.explainPlace})
	return t
}

// triggerKind finds the one key that says what fires, and refuses keys that do not go with it.
func (p *parser) triggerKind(all fields) string {
	kind := ""
	for _, e := range all.entries {
		name := e.key.Value
		if name != "schedule" && name != "at" && name != "event" {
			continue
		}
		if kind != "" {
			p.at(e.key, "trigger-kind", "a trigger has one of \"schedule\", \"at\" and \"event\": this one has both %q and %q", kind, name)
			return ""
		}
		kind = name
	}
	if kind == "" {
		if len(all.entries)*2 == len(all.node.Content) { // an unknown key is reported already
			p.at(all.node, "trigger-kind", "this trigger never fires: it needs one of \"schedule\", \"at\" or \"event\"")
		}
		return ""
	}
	only := triggerOnly()
	for _, e := range all.entries {
		if kinds := only[e.key.Value]; kinds != nil && !slices.Contains(kinds, kind) {
			p.at(e.key, "trigger-kind", "%q belongs to a trigger with %s", e.key.Value, quoted(kinds))
		}
	}
	return kind
}

// zone reads a time zone by its name.
func (p *parser) zone(into **time.Location, all fields) {
	node := all.get("timezone")
	if node == nil {
		return
	}
	name, ok := p.str(node, "timezone")
	if !ok {
		return
	}
	zone, err := p.library.zone(name)
	if err != nil || name == "Local" {
		p.at(node, "not-allowed", "there is no time zone %q: write one such as Asia/Shanghai", name)
		return
	}
	*into = zone
}

// schedule reads a cron expression and its bounds.
func (p *parser) schedule(t *Trigger, all fields) {
	node := all.get("schedule")
	text, ok := p.str(node, "schedule")
	if !ok {
		return
	}
	t.Schedule, t.Name = text, text
	zone := t.Location
	if zone == nil {
		zone = time.UTC
	}
	if from := all.get("from"); from != nil {
		t.From, t.fromDate = p.bound(from, "from", zone, false)
	}
	if until := all.get("until"); until != nil {
		t.Until, t.untilDate = p.bound(until, "until", zone, true)
	}
	fires, err := calendar.Parse(text, zone)
	switch {
	case err != nil:
		p.at(node, "bad-schedule", "%s", err)
		return
	case !t.From.IsZero() && !t.Until.IsZero() && t.Until.Before(t.From):
		p.at(all.get("until"), "bad-time", "until lies before from")
		return
	}
	first := t.From
	if first.IsZero() {
		first = time.Date(2000, 1, 1, 0, 0, 0, 0, zone)
	}
	// A date that waits for the project's zone may turn out to be up to a day off, so that only what is clear is refused.
	switch next := fires.Next(first.Add(-time.Second)); {
	case next.IsZero():
		p.at(node, "never-fires", "the schedule %q never fires: there is no such date", text)
	case !t.Until.IsZero() && next.After(t.Until.Add(slack(t.Location == nil))):
		p.at(node, "never-fires", "the schedule %q does not fire between from and until: first at %s", text, next.Format(time.RFC3339))
	}
	t.fromDate, t.untilDate = t.fromDate && t.Location == nil, t.untilDate && t.Location == nil
}

func slack(unsure bool) time.Duration {
	if unsure {
		return 26 * time.Hour
	}
	return 0
}

// bound reads a date, or a time with its offset. A last date is meant to its end.
func (p *parser) bound(node *yaml.Node, what string, zone *time.Location, last bool) (at time.Time, date bool) {
	text, ok := p.str(node, what)
	if !ok {
		return time.Time{}, false
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		if last {
			at = at.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		return at, true
	}
	if at, err := parseTime(text); err == nil {
		return at, false
	}
	p.at(node, "bad-time", "%s: %q is neither a date such as 2026-11-11 nor a time such as 2026-11-11T10:00:00+08:00", what, text)
	return time.Time{}, false
}

// Bounds are the first and the last instant at which a schedule fires, zero where it is unbounded. Dates that name no zone
// are those of the project's zone.
func (t *Trigger) Bounds(project *time.Location) (from, until time.Time) {
	from, until = t.From, t.Until
	if t.fromDate {
		from = inZone(from, project)
	}
	if t.untilDate {
		until = inZone(until, project)
	}
	return from, until
}

// inZone is the instant at which the clock of a zone shows what t shows on its own.
func inZone(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// instant reads the time of a trigger that fires once: with its offset, or on the clock of the trigger's time zone.
func (p *parser) instant(t *Trigger, node *yaml.Node) {
	text, ok := p.str(node, "at")
	if !ok {
		return
	}
	t.Name = text
	at, err := parseTime(text)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if err == nil || t.Location == nil {
			break
		}
		at, err = time.ParseInLocation(layout, text, t.Location)
	}
	if err != nil {
		p.at(node, "bad-time", "at: %q is not a time such as 2026-11-11T10:00:00+08:00; without its offset it needs a `timezone`", text)
		return
	}
	t.At = at
}

// TriggerWarnings says which triggers of a workflow have fired for the last time: an instant, or the last date of a
// schedule, that lies before now.
func TriggerWarnings(w *Workflow, now time.Time) diagnostic.List {
	var list diagnostic.List
	for _, t := range w.Triggers {
		last := t.At
		if last.IsZero() {
			last = t.Until
		}
		if last.IsZero() || !last.Before(now.Add(-slack(t.untilDate))) {
			continue
		}
		list = append(list, diagnostic.Diagnostic{File: w.File, Span: t.Span, Severity: diagnostic.Warning, Code: "past-trigger",
			Message: fmt.Sprintf("this trigger never fires again: %s has passed", last.Format(time.RFC3339))})
	}
	return list
}

// firing reads how a trigger fires: besides a run that goes on, later than it should, and spread.
func (p *parser) firing(t *Trigger, all fields) {
	t.Overlap = choice(p.decoder, all, "overlap", OverlapSkip, OverlapQueue, OverlapCancel, OverlapAllow)
	t.Missed = choice(p.decoder, all, "missed", MissedSkip, MissedLatest, MissedAll)
	if node := all.get("jitter"); node != nil {
		t.Jitter, _ = p.duration(node, "jitter")
	}
	if node := all.get("missed_within"); node != nil {
		t.MissedWithin, _ = p.duration(node, "missed_within")
		if t.Missed == MissedSkip {
			p.warn(p.text.spanOf(all.byName["missed_within"].key), "no-effect", "missed_within says nothing while missed is skip: write `missed: latest` or `missed: all`")
		}
	} else if t.Missed == MissedAll && !all.has("event") {
		p.warn(p.text.spanOf(all.byName["missed"].key), "missed-unbounded",
			"after a long pause every missed fire would be made up for, however late: add `missed_within`, such as 2h")
	}
}

// maxRuns reads how many runs of an event trigger may be unfinished.
func (p *parser) maxRuns(t *Trigger, all fields) {
	t.MaxRuns = DefaultMaxRuns
	node := all.get("max_runs")
	if node == nil {
		return
	}
	if n, ok := p.integer(node, "max_runs", 1, mostMaxRuns); ok {
		t.MaxRuns = n
	}
	if t.Overlap == OverlapSkip || t.Overlap == OverlapCancel {
		p.warn(p.text.spanOf(all.byName["max_runs"].key), "no-effect", fmt.Sprintf(
			"max_runs says nothing while overlap is %s: there is one run at a time", t.Overlap))
	}
}

// choice reads one of some words; the first is the default.
func choice[T ~string](d *decoder, all fields, key string, words ...T) T {
	node := all.get(key)
	if node == nil {
		return words[0]
	}
	text, ok := d.str(node, key)
	if !ok {
		return words[0]
	}
	if slices.Contains(words, T(text)) {
		return T(text)
	}
	plain := make([]string, len(words))
	for i, word := range words {
		plain[i] = string(word)
	}
	d.add(d.text.spanOf(node), "not-allowed", fmt.Sprintf("%s cannot be %q: it is one of %s", key, text, strings.Join(plain, ", ")),
		diagnostic.Suggest(text, plain))
	return words[0]
}

// triggerParams checks a trigger's params against those of the workflow: a fire must not fail for want of one.
func (p *parser) triggerParams(t *Trigger, all fields, params []*Param, in names) {
	given := fields{byName: map[string]entry{}}
	if node := all.get("params"); node != nil && !isNull(node) {
		var ok bool
		if given, ok = p.object(node, "params"); !ok {
			return
		}
	}
	value := p.inputs(given, "the trigger", "param", t.Span, paramFields(params), nil, false, in)
	if value != nil {
		t.Params = value.assignments()
	}
}

// paramFields describes params as the inputs of whoever starts the workflow.
func paramFields(params []*Param) []Field {
	list := make([]Field, len(params))
	for i, param := range params {
		list[i] = Field{Name: param.Name, Type: param.Type.expression(), Required: param.Required, Enum: param.Enum, Description: param.Description}
		if param.Pattern != nil {
			list[i].Pattern = param.Pattern.String()
		}
	}
	return list
}

// assignments are the keys of an object value, each with its value, in the order of the file.
func (v *Value) assignments() []Assignment {
	list := make([]Assignment, len(v.items))
	for i, item := range v.items {
		list[i] = Assignment{Name: v.names[i], Value: item}
	}
	return list
}
