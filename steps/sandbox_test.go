package steps

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
)

// platform is a catalogue that calls a sandbox over loopback through the real client.
func platform(t *testing.T, config sandbox.Config) (*Catalogue, *sandbox.Sandbox) {
	t.Helper()
	box, err := sandbox.New(config)
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), box)
	require.NoError(t, err)
	client, err := youmi.New(youmi.Config{BaseURL: url, TokenURL: url + "/connect/token", ClientID: "c", ClientSecret: "s",
		V1: youmi.V1Config{BaseURL: url + "/publicapi/v1", AppID: "1", AppKey: sandbox.V1AppKey}})
	require.NoError(t, err)
	t.Cleanup(func() {
		client.CloseIdle()
		stop()
		require.NoError(t, box.Close())
	})
	catalogue, err := New(Config{API: func(string) (API, error) { return client, nil }})
	require.NoError(t, err)
	return catalogue, box
}

func act(t *testing.T, catalogue *Catalogue, name string, with map[string]any) engine.Outcome {
	t.Helper()
	action, err := prepare(t, catalogue, name, with)
	require.NoError(t, err)
	return action.Perform(t.Context())
}

// TestConversationOnTheSandbox holds, speaks in and hands back a conversation, whatever the application is answered.
func TestConversationOnTheSandbox(t *testing.T) {
	for _, form := range []sandbox.TakeoverAnswer{sandbox.AnswerKey, sandbox.AnswerObject, sandbox.AnswerNone} {
		t.Run(string(form), func(t *testing.T) {
			catalogue, box := platform(t, sandbox.Config{TakeoverAnswer: form, RefuseIdleEnd: true})
			held := act(t, catalogue, "takeover.apply", recipient(nil))
			require.Equal(t, engine.Succeeded, held.State, held.Message)
			takeover := held.Outputs["takeover"]
			require.Equal(t, form != sandbox.AnswerNone, takeover.(engine.Handle)["key"] != "")
			for _, with := range []map[string]any{{"text": "你好"}, {"image": "https://e.com/a.png"}, {"refund": true}} {
				with["takeover"] = takeover
				sent := act(t, catalogue, "message.send", with)
				require.Equal(t, engine.Succeeded, sent.State, sent.Message)
				require.NotEmpty(t, sent.TaskID)
			}
			require.Equal(t, 3, box.Delivered("135389", "wxid_example"))
			require.Equal(t, 1, box.Stats().OpenTakeovers)
			ended := act(t, catalogue, "takeover.end", map[string]any{"takeover": takeover})
			require.Equal(t, engine.Succeeded, ended.State, ended.Message)
			require.Zero(t, box.Stats().OpenTakeovers)
		})
	}
}

// TestOutcomesTellTheTruth sends many messages to a platform that fails in every way it can, and compares what each
// outcome says with what was delivered. What may be repeated is repeated, and nothing arrives twice.
func TestOutcomesTellTheTruth(t *testing.T) {
	const messages = 400
	var faults []sandbox.Fault
	for _, text := range []string{
		"doSendPublicMes:lose:4%", "doSendPublicMes:lose_before:4%", "doSendPublicMes:truncate:4%", "doSendPublicMes:garbage:4%",
		"doSendPublicMes:http=500:4%", "doSendPublicMes:http=502,after:4%", "doSendPublicMes:http=429:4%", "doSendPublicMes:code=200013:4%",
		"token:expire:every=50",
	} {
		fault, err := sandbox.ParseFault(text)
		require.NoError(t, err)
		faults = append(faults, fault)
	}
	catalogue, box := platform(t, sandbox.Config{Seed: 1, Faults: faults})
	t.Log("seed", box.Seed())
	outcomes := make([]engine.Outcome, messages)
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := worker; i < messages; i += 16 {
				with := map[string]any{"account": "1", "friend": "f" + strconv.Itoa(i), "text": "hello"}
				for range 20 {
					if outcomes[i] = act(t, catalogue, "message.send", with); !outcomes[i].Retryable {
						break
					}
				}
			}
		})
	}
	group.Wait()
	seen := map[engine.OutcomeState]int{}
	for i, outcome := range outcomes {
		seen[outcome.State]++
		delivered := box.Delivered("1", "f"+strconv.Itoa(i))
		switch outcome.State {
		case engine.Succeeded:
			require.Equal(t, 1, delivered, "message %d: %+v", i, outcome)
		case engine.Unknown:
			require.LessOrEqual(t, delivered, 1, "message %d: %+v", i, outcome)
		default:
			require.Zero(t, delivered, "message %d: %+v", i, outcome)
		}
	}
	require.Positive(t, seen[engine.Succeeded])
	require.Positive(t, seen[engine.Unknown])
	require.Positive(t, seen[engine.Failed])
	require.Zero(t, seen[engine.NotSent], "what was not sent is repeated until it is")
	require.Zero(t, box.Stats().Duplicates)
	t.Log(seen)
}
