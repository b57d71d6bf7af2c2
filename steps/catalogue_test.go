package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func TestEveryEntryIsDescribed(t *testing.T) {
	catalogue := newCatalogue(t, nil)
	require.Equal(t, []string{
		"ad.count", "ad.list", "api.call", "assert", "audience.file", "audience.friends", "audience.http", "audience.query",
		"bulk_send.delete", "bulk_send.save",
		"callback.register", "chat.read", "conversation.activate", "event.subscribe", "friend.count", "friend.list", "http.request", "log",
		"meeting_call.list", "message.batch", "message.forward", "message.send", "notification.send", "notify.send", "report.activations",
		"report.staff_service", "report.write", "system.departments", "system.group_staff", "system.groups", "system.staff", "takeover.apply",
		"takeover.end", "todo.add", "todo.add_plain", "todo.count", "todo.list", "v1.accounts", "v1.add_friend", "v1.friends",
	}, catalogue.Names())
	operations, err := youmi.Operations()
	require.NoError(t, err)
	for _, name := range catalogue.Names() {
		step, ok := catalogue.Lookup(name)
		require.True(t, ok)
		require.Equal(t, name, step.Name)
		require.NotEmpty(t, step.Summary, name)
		described(t, name, step.Inputs)
		described(t, name, step.Outputs)
		entry := catalogue.entries[name]
		if effect, own := map[string]workflows.Effect{
			"api.call": workflows.EffectMessage, "http.request": workflows.EffectMessage, // they may be one
			"audience.query": workflows.EffectRead, "audience.http": workflows.EffectRead,
		}[name]; own {
			require.Equal(t, effect, step.Effect, name)
			continue
		}
		if entry.operation == "" {
			require.Equal(t, workflows.EffectLocal, step.Effect, name)
			require.Nil(t, step.Operation, name)
			continue
		}
		i := slices.IndexFunc(operations, func(o youmi.Operation) bool { return o.ID == entry.operation })
		require.Equal(t, operations[i].Effect, string(step.Effect), name)
		require.Equal(t, &workflows.Operation{ID: entry.operation, Method: operations[i].Method, Path: operations[i].Path, Status: operations[i].Status}, step.Operation, name)
	}
	covered := map[string]bool{youmi.OperationGetToken: true, youmi.OperationV1GetAccessToken: true} // the client's own business
	for _, entry := range catalogue.entries {
		covered[entry.operation] = true
	}
	for _, operation := range operations {
		require.True(t, covered[operation.ID], "no step makes %s", operation.ID)
	}
	_, ok := catalogue.Lookup("message.sent")
	require.False(t, ok)
	_, ok = catalogue.Step("message.sent")
	require.False(t, ok)
}

func described(t *testing.T, where string, fields []workflows.Field) {
	t.Helper()
	for _, field := range fields {
		where := where + " " + field.Name
		require.Regexp(t, `^[a-z_]+$`, field.Name, where)
		require.NotEmpty(t, field.Description, where)
		described(t, where, field.Fields)
		known := field.Type.Fields
		if field.Type.Element != nil {
			known = field.Type.Element.Fields
		}
		for _, inner := range field.Fields {
			require.Contains(t, known, inner.Name, where)
		}
		if field.Scalar != "" {
			require.True(t, slices.ContainsFunc(field.Fields, func(f workflows.Field) bool { return f.Name == field.Scalar }), where)
		}
	}
}

// TestContentsAreThoseOfTheLanguage compares the catalogue with the table of the language.
func TestContentsAreThoseOfTheLanguage(t *testing.T) {
	catalogue := newCatalogue(t, nil)
	step, _ := catalogue.Lookup("message.send")
	require.Equal(t, [][]string{{"text"}, {"image"}, {"video"}, {"file"}, {"link"}, {"card"}, {"wecom_card"}, {"mini_program"}, {"official_account"},
		{"collect_payment"}, {"refund"}}, step.OneOf[1].Groups)
	batch, _ := catalogue.Lookup("message.batch")
	messages := batch.Inputs[len(batch.Inputs)-1]
	require.Equal(t, [][]string{{"text"}, {"image"}, {"video"}, {"file"}, {"link"}}, messages.OneOf[0].Groups)
}

func TestConfirmedOperationsAreNoLongerAssumed(t *testing.T) {
	operations, err := youmi.Operations()
	require.NoError(t, err)
	operations, err = youmi.Overridden(operations, map[string]youmi.Override{"endTakeOver": {Path: "/v2/ChatMess/finish", Confirmed: true}})
	require.NoError(t, err)
	catalogue, err := New(Config{Operations: operations})
	require.NoError(t, err)
	step, _ := catalogue.Lookup("takeover.end")
	require.Equal(t, &workflows.Operation{ID: "endTakeOver", Method: "POST", Path: "/v2/ChatMess/finish", Status: "confirmed"}, step.Operation)
	_, err = New(Config{Operations: operations[:1]})
	require.Error(t, err)
}

// TestExamplesRun validates each example as a workflow of its own, behind a step that takes the conversation over, and
// performs it against the sandbox; rows are read to the end.
func TestExamplesRun(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "lists"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "lists", "vip.csv"), []byte("运营号,客户\n135389,wxid_example\n"), 0o644))
	catalogue, _ := platform(t, sandbox.Config{Seed: 1})
	config, err := outside(t, folder).WithDefaults()
	require.NoError(t, err)
	for _, entry := range all(config) {
		if slices.Contains([]string{"audience.file", "audience.query", "audience.http", "http.request", "report.write"}, entry.Name) {
			catalogue.entries[entry.Name] = entry
		}
	}
	apply, _ := catalogue.Lookup("takeover.apply")
	schemas := requestSchemas(t)
	for _, name := range catalogue.Names() {
		t.Run(name, func(t *testing.T) {
			step, _ := catalogue.Lookup(name)
			source := "steps:\n"
			if strings.Contains(step.Example, "steps.hold") {
				source += element(apply.Example)
			}
			if strings.Contains(step.Example, "of: reach") {
				source += "  - { id: reach, foreach: { in: [], as: one }, steps: [{ uses: log, with: { message: hi } }] }\n"
			}
			source += element(step.Example)
			workflow, problems := workflows.Parse("example.yaml", []byte(source), catalogue)
			require.Empty(t, errorsOf(problems), source)
			names := map[string]any{"steps": map[string]any{}, "secrets": map[string]any{"crm_token": "t0ken-of-crm"}}
			for _, each := range workflow.Steps {
				if each.Foreach != nil {
					continue // the engine's
				}
				outcome := perform(t, catalogue, schemas, each, names)
				require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
				given(t, step, outcome.Outputs)
				names["steps"].(map[string]any)[each.ID] = outcome.Outputs
			}
		})
	}
}

// given compares what a step gave with what it says it gives.
func given(t *testing.T, step *workflows.StepType, outputs map[string]any) {
	t.Helper()
	if rows, ok := outputs["rows"].(engine.Rows); ok {
		reader, err := rows.Open(t.Context())
		require.NoError(t, err)
		for {
			if _, _, err = reader.Next(); err != nil {
				break
			}
		}
		require.Equal(t, io.EOF, err)
		require.NoError(t, reader.Close())
	}
	for name := range outputs {
		require.True(t, slices.ContainsFunc(step.Outputs, func(f workflows.Field) bool { return f.Name == name }) || step.Name != "takeover.apply",
			"%s gives %s", step.Name, name)
	}
}

func element(example string) string {
	return "  - " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    ") + "\n"
}

func perform(t *testing.T, catalogue *Catalogue, schemas schemaSet, step *workflows.Step, names map[string]any) engine.Outcome {
	t.Helper()
	with, err := step.Uses.With.Eval(names)
	require.NoError(t, err)
	action, err := prepare(t, catalogue, step.Uses.Name, with.(map[string]any))
	require.NoError(t, err)
	require.Empty(t, action.Skip)
	if action.Request != nil && !slices.Contains([]string{"api.call", "http.request", "notify.send"}, step.Uses.Name) {
		conforms(t, schemas, action.Request.Operation, action.Request.Body)
	}
	return action.Perform(t.Context())
}

// TestNothingIsDoneWithoutAConnection holds what validate relies on: a catalogue of the zero Config.
func TestNothingIsDoneWithoutAConnection(t *testing.T) {
	catalogue, err := New(Config{})
	require.NoError(t, err)
	action, err := prepare(t, catalogue, "message.send", recipient(map[string]any{"text": "a"}))
	require.NoError(t, err)
	outcome := action.Perform(t.Context())
	require.Equal(t, engine.NotSent, outcome.State)
	require.False(t, outcome.Retryable)
	require.Contains(t, outcome.Message, "no connection is set up")
}

func TestTakeoverFlow(t *testing.T) {
	tests := map[string]struct {
		values  string
		message string
		end     string
	}{
		"a string": {`"key-1"`, `{"TakeOverKey":"key-1","RelationType":3,"MsgType":"text","Text":"a"}`,
			`{"TakeOverKey":"key-1","WechatId":"7","ToUserName":"f"}`},
		"an object": {`{"TakeOverKey":"key-1"}`, `{"TakeOverKey":"key-1","RelationType":3,"MsgType":"text","Text":"a"}`,
			`{"TakeOverKey":"key-1","WechatId":"7","ToUserName":"f"}`},
		"nothing": {``, `{"WechatId":"7","ToUserName":"f","RelationType":3,"MsgType":"text","Text":"a"}`, `{"WechatId":"7","ToUserName":"f"}`},
		"true":    {`true`, `{"WechatId":"7","ToUserName":"f","RelationType":3,"MsgType":"text","Text":"a"}`, `{"WechatId":"7","ToUserName":"f"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, RequestID: "r1", Values: []byte(test.values)}}
			catalogue := newCatalogue(t, api)
			apply, err := prepare(t, catalogue, "takeover.apply", map[string]any{"account": 7, "friend": "f", "channel": "wecom"})
			require.NoError(t, err)
			require.Equal(t, engine.TakeoverApplies, apply.Request.Takeover)
			require.JSONEq(t, `{"wechat_key":"7","friend_key":"f"}`, string(apply.Request.Body))
			require.Equal(t, engine.Handle{"account": "7", "friend": "f", "channel": "wecom", "key": ""}, apply.Assumed["takeover"])
			outcome := apply.Perform(t.Context())
			require.Equal(t, engine.Succeeded, outcome.State)
			require.Equal(t, "r1", outcome.RequestID)

			// The ledger keeps outputs as JSON.
			text, err := json.Marshal(outcome.Outputs)
			require.NoError(t, err)
			var outputs map[string]any
			require.NoError(t, json.Unmarshal(text, &outputs))

			send, err := prepare(t, catalogue, "message.send", map[string]any{"takeover": outputs["takeover"], "text": "a"})
			require.NoError(t, err)
			require.Equal(t, test.message, string(send.Request.Body))
			require.Equal(t, "7", send.Request.Account)
			require.Equal(t, "f", send.Request.Friend)

			end, err := prepare(t, catalogue, "takeover.end", map[string]any{"takeover": outputs["takeover"]})
			require.NoError(t, err)
			require.Equal(t, engine.TakeoverEnds, end.Request.Takeover)
			require.Equal(t, test.end, string(end.Request.Body))
			require.Equal(t, "7", end.Request.Account)
		})
	}
}

func TestEndOfNothingIsSkipped(t *testing.T) {
	action, err := prepare(t, newCatalogue(t, nil), "takeover.end", map[string]any{"takeover": nil})
	require.NoError(t, err)
	require.NotEmpty(t, action.Skip)
	require.Nil(t, action.Request)
}

func TestLocalSteps(t *testing.T) {
	catalogue := newCatalogue(t, nil)
	for that, want := range map[any]engine.OutcomeState{true: engine.Succeeded, false: engine.Failed, nil: engine.Failed} {
		action, err := prepare(t, catalogue, "assert", map[string]any{"that": that, "message": "the list is empty"})
		require.NoError(t, err)
		require.Nil(t, action.Assumed, "a plan asserts too")
		outcome := action.Perform(t.Context())
		require.Equal(t, want, outcome.State)
		if want == engine.Failed {
			require.Equal(t, "the list is empty", outcome.Message)
		}
	}
	action, err := prepare(t, catalogue, "log", map[string]any{"message": "hello"})
	require.NoError(t, err)
	require.NotNil(t, action.Assumed, "a plan writes no line")
}

func TestAudience(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vip.csv")
	require.NoError(t, os.WriteFile(file, []byte("客户,name\nf1,小王\nf2,李😀\n"), 0o644))
	catalogue := newCatalogue(t, nil)
	run := func(with map[string]any) engine.Outcome {
		action, err := prepare(t, catalogue, "audience.file", with)
		require.NoError(t, err)
		return action.Perform(t.Context())
	}
	outcome := run(map[string]any{"path": file, "columns": map[string]any{"rename": map[string]any{"客户": "friend"}, "require": []any{"friend"}}})
	require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
	rows := outcome.Outputs["rows"].(engine.Rows)
	for range 2 { // it opens anew every time
		reader, err := rows.Open(t.Context())
		require.NoError(t, err)
		row, number, err := reader.Next()
		require.NoError(t, err)
		require.Equal(t, map[string]any{"friend": "f1", "name": "小王"}, row)
		require.Equal(t, 2, number)
		require.NoError(t, reader.Close())
	}
	outcome = run(map[string]any{"path": file, "columns": map[string]any{"require": []any{"account"}}})
	require.Equal(t, engine.Failed, outcome.State)
	require.Contains(t, outcome.Message, "account")
	outcome = run(map[string]any{"path": file + ".missing.csv"})
	require.Equal(t, engine.Failed, outcome.State)
	require.Contains(t, outcome.Message, "missing.csv")

	refusing, err := New(Config{Resolve: func(string, []string) (string, error) { return "", errors.New("it leaves the project folder") }})
	require.NoError(t, err)
	_, err = prepare(t, refusing, "audience.file", map[string]any{"path": "../x.csv"})
	require.ErrorContains(t, err, `path "../x.csv": it leaves the project folder`)
}

// A run sees the files of the commit that it was started from.
func TestAudienceOfACommit(t *testing.T) {
	catalogue, err := New(Config{ResolveAt: func(commit, path string, given []string) (string, error) {
		return "", fmt.Errorf("asked for %s of %s, given %v", path, commit, given)
	}})
	require.NoError(t, err)
	step, ok := catalogue.Step("audience.file")
	require.True(t, ok)
	_, err = step.Prepare(engine.Input{With: map[string]any{"path": "vip.csv"}, Commit: "c1", Files: []string{"/x.csv"}})
	require.ErrorContains(t, err, "asked for vip.csv of c1, given [/x.csv]")
}

// TestLiteralAddressesAreCheckedWhenTheFileIsLoaded: what the step would refuse at every recipient is refused at once.
func TestLiteralAddressesAreCheckedWhenTheFileIsLoaded(t *testing.T) {
	catalogue := newCatalogue(t, nil)
	check := func(content string) diagnostic.List {
		source := "steps:\n  - uses: message.send\n    with: { account: \"1\", friend: f, " + content + " }\n"
		_, problems := workflows.Parse("flow.yaml", []byte(source), catalogue)
		return problems
	}
	for _, content := range []string{"image: %s", "video: %s", "file: %s", "link: %s", "image: { url: %s }", "link: { url: https://e.com, thumbnail: %s }"} {
		for _, good := range []string{"https://e.com/a.png", "HTTP://e.com/a.png", `"${{ 'www.e.com/' + run.id }}"`} {
			require.Empty(t, check(fmt.Sprintf(content, good)), "%s %s", content, good)
		}
		for _, bad := range []string{"www.e.com/a.png", "a.png", `""`, "ftp://e.com/a.png", "“https://e.com/a.png”"} {
			problems := check(fmt.Sprintf(content, bad))
			require.True(t, problems.HasErrors(), "%s %s", content, bad)
			require.ErrorContains(t, problems, "begins with http:// or https://", "%s %s", content, bad)
		}
	}
}
