package workflows

import (
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/calendar"
)

var windowKeys = keySetOf(
	key{"from", clockShape, `From when on, such as "09:00".`},
	key{"to", clockShape, `Until when, such as "21:00". A time before that of "from" is one of the next day.`},
	key{"days", textShape, "On which days: MON-FRI, or SAT,SUN. Without it, every day."},
	key{"timezone", textShape, "The time zone of the clock, such as Asia/Shanghai. Without it, the project's."},
).needing("from", "to")

// sendWindow reads when calls may leave.
func (p *parser) sendWindow(node *yaml.Node) *SendWindow {
	all, ok := p.fields(node, "send_window", windowKeys)
	if !ok {
		return nil
	}
	w := &SendWindow{Days: calendar.EveryDay.String(), Span: p.text.spanOf(node)}
	w.From, ok = p.clock(all, "from", ok)
	w.To, ok = p.clock(all, "to", ok)
	p.zone(&w.Location, all)
	if days := all.get("days"); days != nil {
		w.Days, ok = p.days(days, ok)
	}
	if !ok {
		return w
	}
	if err := w.Calendar(time.UTC).Check(); err != nil {
		p.at(all.get("from"), "bad-window", "%s", err)
	}
	return w
}

// days reads days of the week; ok is what it was before when they can be read.
func (p *parser) days(node *yaml.Node, before bool) (text string, ok bool) {
	if text, ok = p.str(node, "days"); !ok {
		return "", false
	}
	if _, err := calendar.ParseDays(text); err != nil {
		p.at(node, "bad-window", "%s", err)
		return "", false
	}
	return text, before
}

// clock reads a time of the day; ok is what it was before when it can be read.
func (p *parser) clock(all fields, key string, before bool) (text string, ok bool) {
	node := all.get(key)
	if node == nil {
		p.at(all.node, "missing-key", "send_window needs the key %q, a time of the day such as \"09:00\"", key)
		return "", false
	}
	if text, ok = p.str(node, key); !ok {
		return "", false
	}
	if _, err := calendar.ParseClock(text); err != nil {
		p.at(node, "bad-window", "%s: %s", key, err)
		return "", false
	}
	return text, before
}

// Calendar is the window as it opens and closes, in the project's time zone when it names none of its own.
func (w *SendWindow) Calendar(project *time.Location) *calendar.Window {
	from, _ := calendar.ParseClock(w.From) // all three were checked when the file was read
	to, _ := calendar.ParseClock(w.To)
	days, _ := calendar.ParseDays(w.Days)
	zone := w.Location
	if zone == nil {
		zone = project
	}
	return &calendar.Window{From: from, To: to, Days: days, Location: zone}
}
