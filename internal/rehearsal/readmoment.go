package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/events"
	"youmiflow/workflows"
)

// mostMoments bounds what happens during one test.
const mostMoments = 10_000

// mostSendRows bounds a test send, as the command does.
const mostSendRows = 100

func (r reader) during(node *yaml.Node, test *Test) {
	list, _ := r.Items(node, "during")
	if len(list) > mostMoments {
		r.Fail(node, "out-of-range", fmt.Sprintf("a test may have %d moments, and these are %d", mostMoments, len(list)), "")
		return
	}
	for _, item := range list {
		if moment, ok := r.moment(item, test); ok {
			test.During = append(test.During, moment)
		}
	}
	slices.SortStableFunc(test.During, func(a, b Moment) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
}

func (r reader) moment(node *yaml.Node, test *Test) (m Moment, ok bool) {
	keys, ok := r.Object(node, "a moment", names(momentKeys())...)
	if !ok {
		return m, false
	}
	at := keys["at"]
	if at == nil {
		r.Fail(node, "missing-key", "a moment needs the key at: when it is, such as 2m after the start or 10:30", "")
	}
	r.given(at, func(n *yaml.Node) { r.momentAt(n, test, &m) })
	what := r.act(node, keys, &m)
	if what == nil {
		return m, false
	}
	m.Span, m.By = r.Span(what), "test"
	for _, name := range []string{"by", "note"} {
		if n := keys[name]; n != nil && m.Act != ActApprove && m.Act != ActReject {
			r.Fail(n, "not-allowed", fmt.Sprintf("%s goes with approve and reject, not with %s", name, m.Act), "")
		}
	}
	r.given(keys["by"], func(n *yaml.Node) { m.By, _ = r.Scalar(n, "by") })
	r.given(keys["note"], func(n *yaml.Node) { m.Note, _ = r.Scalar(n, "note") })
	switch m.Act {
	case ActEvent:
		m.Event = r.pushed(what)
		return m, m.Event != nil
	case ActApprove, ActReject:
		m.Step = r.text(what, string(m.Act))
	case ActCrash:
		if what.Value != "true" {
			m.Down, ok = r.Duration(what, "crash")
		}
	default:
		if what.Value != "true" {
			r.Fail(what, "not-allowed", fmt.Sprintf("write `%s: true`", m.Act), "")
		}
	}
	return m, ok && !m.At.IsZero()
}

func (r reader) momentAt(node *yaml.Node, test *Test, m *Moment) {
	text := r.text(node, "at").Value
	at, _, err := parseInstant(text, test.Clock)
	switch {
	case err != nil:
		r.Fail(node, "bad-time", "at: "+err.Error(), "")
	case at.Before(test.Clock):
		r.Fail(node, "bad-time", fmt.Sprintf("at: %s lies before the start of the test", text), "")
	default:
		m.At = at
	}
}

// act finds the one key that says what happens; nil, and a problem, when there is not one.
func (r reader) act(node *yaml.Node, keys map[string]*yaml.Node, m *Moment) *yaml.Node {
	var found *yaml.Node
	for _, word := range acts() {
		if keys[word] == nil {
			continue
		}
		if found != nil {
			r.Fail(node, "not-allowed", fmt.Sprintf("one thing happens at a moment: this has %s and %s", m.Act, word), "")
			return nil
		}
		found, m.Act = keys[word], Act(word)
	}
	if found == nil && len(keys)*2 == len(node.Content) { // an unknown key is reported already
		r.Fail(node, "missing-key", "a moment says what happens: "+strings.Join(acts(), ", "), "")
	}
	return found
}

func (r reader) pushed(node *yaml.Node) *Pushed {
	keys, ok := r.Object(node, "event", names(eventKeys())...)
	if !ok {
		return nil
	}
	event := &Pushed{}
	kind := keys["kind"]
	if kind == nil {
		r.Fail(node, "missing-key", "event needs the key kind: docs/events.md lists them", "")
		return nil
	}
	event.Kind = r.text(kind, "kind")
	if !slices.Contains(workflows.EventKinds(), event.Kind.Value) {
		r.Fail(kind, "unknown-event", fmt.Sprintf("there is no event %q: docs/events.md lists them", event.Kind.Value),
			diagnostic.Suggest(event.Kind.Value, workflows.EventKinds()))
	}
	for name, into := range map[string]*string{"account": &event.Account, "friend": &event.Friend, "content": &event.Content,
		"task": &event.TaskID, "error": &event.Error} {
		r.given(keys[name], func(n *yaml.Node) { *into, _ = r.Scalar(n, name) })
	}
	r.given(keys["from"], func(n *yaml.Node) {
		event.From = r.oneOf(n, "from", string(events.PartyAccount), string(events.PartyCustomer))
	})
	r.given(keys["succeed"], func(n *yaml.Node) {
		succeed := r.oneOf(n, "succeed", "true", "false") == "true"
		event.Succeed = &succeed
	})
	r.given(keys["values"], func(n *yaml.Node) {
		value, sound := r.Plain(n, "values")
		if event.Values, ok = value.(map[string]any); sound && !ok {
			r.Fail(n, "wrong-type", "values needs what the event carries, an object (name: value)", "")
		}
	})
	return event
}

func (r reader) trigger(node *yaml.Node, test *Test) {
	test.Trigger = &Trigger{}
	if node.Kind != yaml.MappingNode {
		test.Trigger.Name = r.text(node, "trigger")
		return
	}
	keys, _ := r.Object(node, "trigger", names(triggerKeys())...)
	if keys["name"] == nil {
		r.Fail(node, "missing-key", "trigger needs the key name", "")
	}
	r.given(keys["name"], func(n *yaml.Node) { test.Trigger.Name = r.text(n, "name") })
	r.given(keys["follow"], func(n *yaml.Node) { test.Trigger.Follow, _ = r.Duration(n, "follow") })
}

func (r reader) sendTo(node *yaml.Node, test *Test) {
	to := node
	test.SendTo = &SendTo{}
	if node.Kind == yaml.MappingNode {
		keys, _ := r.Object(node, "test_to", names(sendToKeys())...)
		r.given(keys["rows"], func(n *yaml.Node) { test.SendTo.Rows, _ = r.Integer(n, "rows", 1, mostSendRows) })
		if to = keys["recipient"]; to == nil {
			r.Fail(node, "missing-key", "test_to needs the key recipient: ACCOUNT:FRIEND", "")
			return
		}
	}
	text, ok := r.Scalar(to, "test_to")
	account, friend, found := strings.Cut(text, ":")
	if ok && (!found || account == "" || friend == "") {
		r.Fail(to, "not-allowed", fmt.Sprintf("%q: write the operating account and the recipient's id, as ACCOUNT:FRIEND", text), "")
	}
	test.SendTo.Account, test.SendTo.Friend = account, friend
}

func (r reader) fires(node *yaml.Node, test *Test) *Fires {
	fires := &Fires{Span: r.Span(node)}
	list, _ := r.Items(node, "fires")
	for _, item := range list {
		fires.List = append(fires.List, r.fire(item, test))
	}
	return fires
}

// fire reads what is expected of one; a bare time is that at which a run was started.
func (r reader) fire(node *yaml.Node, test *Test) Fire {
	fire := Fire{Span: r.Span(node)}
	if node.Kind == yaml.ScalarNode {
		fire.At = r.when(node, test)
		return fire
	}
	all, _ := r.Fields(node, "a fire", names(fireKeys())...)
	for _, field := range all {
		switch name := field.Key.Value; name {
		case "at":
			fire.At = r.when(field.Value, test)
		case "outcome":
			r.oneOf(field.Value, name, string(engine.Fired), string(engine.Skipped), string(engine.Missed))
			fallthrough
		default:
			fire.Fields = append(fire.Fields, Field{name, r.text(field.Value, name)})
		}
	}
	return fire
}

func (r reader) when(node *yaml.Node, test *Test) *when {
	text := r.text(node, "at")
	at, err := parseWhen(text.Value, test.Clock)
	if err != nil {
		r.Fail(node, "bad-time", "at: "+err.Error(), "")
	}
	return at
}
