package rehearsal

import (
	"strings"
	"time"

	"youmiflow/engine"
)

// madeFire is what an instant, or an event, came to.
type madeFire struct {
	engine.Fire
	play *play
}

func (m madeFire) field(name string) string {
	if name == "reason" {
		return m.Reason
	}
	return string(m.Outcome)
}

// agrees reports whether the fire has all that is expected of it; one of which no outcome is named must have started a run.
func (m madeFire) agrees(want Fire) bool {
	outcome := false
	for _, field := range want.Fields {
		if field.Name == "reason" && !strings.Contains(m.Reason, field.Value) || field.Name == "outcome" && string(m.Outcome) != field.Value {
			return false
		}
		outcome = true
	}
	return (outcome || m.Outcome == engine.Fired) && (want.At == nil || want.At.agrees(m.Instant))
}

func (f Fire) line() string {
	if f.At == nil {
		return fieldsText(f.Fields)
	}
	return fieldsText(append([]Field{{"at", Text{Value: f.At.text}}}, f.Fields...))
}

func (m madeFire) line() string {
	fields := []Field{{"at", Text{Value: m.Instant.In(m.play.Test.Location).Format(time.DateTime)}}, {"outcome", Text{Value: m.field("outcome")}}}
	if m.Reason != "" {
		fields = append(fields, Field{"reason", Text{Value: m.Reason}})
	}
	return fieldsText(fields)
}

// fires compares what the trigger came to.
func (c *comparison) fires() {
	want := c.Test.Expect.Fires
	if want == nil {
		return
	}
	got := make([]madeFire, len(c.fired))
	for i, fire := range c.fired {
		got[i] = madeFire{fire, c.play}
	}
	pairs := align(len(want.List), len(got), func(i, j int) bool { return got[j].agrees(want.List[i]) })
	if len(pairs) == len(want.List) && len(pairs) == len(got) {
		return
	}
	var lines []string
	span, missed := want.Span, false
	i, j := 0, 0
	for _, pair := range append(pairs, [2]int{len(want.List), len(got)}) {
		for ; i < pair[0]; i++ {
			if !missed {
				span, missed = want.List[i].Span, true
			}
			lines = append(lines, "- "+want.List[i].line())
		}
		for ; j < pair[1]; j++ {
			lines = append(lines, "+ "+got[j].line())
		}
		if i < len(want.List) {
			lines = append(lines, "  "+want.List[i].line())
		}
		i, j = i+1, j+1
	}
	c.differs(span, "fires", shortened(trimmed(lines))...)
}

// expectsRun reports whether something is expected that only a run can give.
func (p *play) expectsRun() bool {
	e := p.Test.Expect
	if e.Status != nil || len(e.Error)+len(e.Counts)+len(e.Items)+len(e.Outputs) > 0 {
		return true
	}
	return e.Fires == nil && len(e.Calls) == 0
}
