package rehearsal

import (
	"github.com/google/jsonschema-go/jsonschema"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/workflows"
)

// key is one key of an object of a test file: its name, what it is for, and what it may hold.
type key struct {
	name, about string
	shape       func() *jsonschema.Schema
}

func names(keys []key) []string {
	list := make([]string, len(keys))
	for i, one := range keys {
		list[i] = one.name
	}
	return list
}

func fileKeys() []key {
	return []key{
		{"workflow", "The workflow that is tested, from the folder of this file. Without it, the one of this file's name.", text},
		{"tests", "The tests, each one run of the workflow.", listOf(object(testKeys, "name", "expect"))},
	}
}

func testKeys() []key {
	return []key{
		{"name", "What is tested. No two of a file are alike.", scalar},
		{"clock", "When the test begins, such as 2026-11-11 10:00. Without it, 2026-01-05 10:00, a Monday.", scalar},
		{"params", "The params of the run.", anyObject},
		{"trigger", "The trigger that starts the run, by its name: its schedule, instant or kind of event. Without it, a person starts it.",
			either(scalar, object(triggerKeys, "name"))},
		{"test_to", "A test send to this recipient, as ACCOUNT:FRIEND.", either(scalar, object(sendToKeys, "recipient"))},
		{"audience", "Rows in place of those that a step reads, by its id; or another file.", namedOf(either(text, listOf(anyObject)))},
		{"answers", "Outputs in place of what a step would get from another host, by its id.", namedOf(anyObject)},
		{"limits", "Whether the limits of youmiflow.yaml hold. Without it, project.", oneOf("project", "none")},
		{"faults", "What goes wrong on the platform, such as doSendPublicMes:lose:first=1.", listOf(text)},
		{"approvals", "What people answer to approve, by the step's id, however late it is asked.", namedOf(either(oneOf(decisions()...), object(approvalKeys, "decision")))},
		{"during", "What happens while the run goes on, at its instant.", listOf(object(momentKeys, "at"))},
		{"seed", "Chances are drawn by it. Without it, 1.", whole(1, 1<<31)},
		{"expect", "What is compared: only what is named.", object(expectKeys)},
	}
}

func triggerKeys() []key {
	return []key{
		{"name", "The trigger's name: its schedule, instant or kind of event, as the workflow writes it.", scalar},
		{"follow", "How long a schedule is followed from the start. Without it, until it has come to something.", text},
	}
}

func sendToKeys() []key {
	return []key{
		{"recipient", "Who gets every message, as ACCOUNT:FRIEND.", scalar},
		{"rows", "How many rows of each foreach. Without it, 3.", whole(1, mostSendRows)},
	}
}

func approvalKeys() []key {
	return []key{
		{"decision", "What is decided.", oneOf(decisions()...)},
		{"after", "How long after the question. Without it, at once.", text},
		{"by", "Who decides. Without it, test.", scalar},
		{"note", "Why.", scalar},
	}
}

func momentKeys() []key {
	return []key{
		{"at", "When: a length of time since the start (2m, 0s), a time of the day, or a whole date.", scalar},
		{"event", "The platform pushes an event.", object(eventKeys, "kind")},
		{"approve", "A person says yes to this step, by its id; between waves it is STEP/wave-1.", text},
		{"reject", "A person says no to this step.", text},
		{"pause", "The run is paused.", onlyTrue},
		{"resume", "The run is resumed.", onlyTrue},
		{"cancel", "The run is cancelled.", onlyTrue},
		{"crash", "The process dies, and another one takes over: at once, or after such a time.", either(onlyTrue, text)},
		{"by", "Who decides. Without it, test.", scalar},
		{"note", "Why.", scalar},
	}
}

func eventKeys() []key {
	return []key{
		{"kind", "What happened.", oneOf(workflows.EventKinds()...)},
		{"account", "The operating account of the conversation.", scalar},
		{"friend", "The customer of the conversation.", scalar},
		{"from", "Who spoke.", oneOf(string(events.PartyAccount), string(events.PartyCustomer))},
		{"content", "What was said.", scalar},
		{"task", "The platform's number of a task.", scalar},
		{"succeed", "How the task ended.", func() *jsonschema.Schema { return &jsonschema.Schema{Type: "boolean"} }},
		{"error", "Why the task failed, or what is wrong with a device.", scalar},
		{"values", "More of what the event carries, by the platform's names.", anyObject},
	}
}

func expectKeys() []key {
	return []key{
		{"status", "The run's.", oneOf(runStatuses()...)},
		{"error", "Of a run that failed: its code; of the message a part is enough.", either(scalar, object(errorKeys))},
		{"counts", "How many items are in a status, and the total.", object(countKeys)},
		{"items", "Items by key: a status, or more.", namedOf(either(oneOf(itemStatuses()...), object(itemKeys)))},
		{"calls", "All calls, in their order.", listOf(object(callKeys))},
		{"calls_contain", "Some of the calls, in their order.", listOf(object(callKeys))},
		{"messages", "All calls that send a message, in their order.", listOf(object(callKeys))},
		{"fires", "What the trigger's instants, or events, came to, in their order.", listOf(either(scalar, object(fireKeys)))},
		{"outputs", "The run's outputs, by name.", anyObject},
		{"takeovers", "Whether conversations may stay taken over. Without it, none.", oneOf("none", "any")},
	}
}

func errorKeys() []key {
	return []key{{"code", "The error's code.", scalar}, {"message", "A part of its message.", scalar}}
}

func countKeys() []key {
	keys := []key{{"total", "All items.", whole(0, 1<<31)}}
	for _, status := range itemStatuses() {
		keys = append(keys, key{status, "Items that are " + status + ".", whole(0, 1<<31)})
	}
	return keys
}

func itemKeys() []key {
	return []key{
		{"status", "The item's.", oneOf(itemStatuses()...)},
		{"reason", "A part of why.", scalar},
		{"variant", "The variant that it has.", scalar},
		{"wave", "The wave that it is of.", scalar},
		{"lane", "The lane that it is in.", scalar},
		{"step", "The foreach, where several have an item of this key.", scalar},
	}
}

func callKeys() []key {
	return []key{
		{"operation", "The operation of the API.", text},
		{"step", "The step that makes it, by its id.", text},
		{"account", "The operating account.", scalar},
		{"friend", "The customer.", scalar},
		{"at", "When: 10:00:02, 90s after the start, 2026-11-11 10:00, or a span such as 10:00..10:05.", scalar},
		{"state", "What came of it. A call of which neither state nor code is named must have succeeded.", text},
		{"code", "The code of the answer, or why there was none.", scalar},
		{"attempt", "Which attempt it is.", scalar},
		{"text", "What the customer reads, a line for each message of a batch.", scalar},
		{"body", "A part of the request, by the names of the API.", anyObject},
	}
}

func fireKeys() []key {
	return []key{
		{"at", "The instant.", scalar},
		{"outcome", "What it came to. Without it, fired.", oneOf(string(engine.Fired), string(engine.Skipped), string(engine.Missed))},
		{"reason", "A part of why.", scalar},
	}
}

func decisions() []string {
	return []string{string(workflows.DecisionApprove), string(workflows.DecisionReject)}
}
