package steps

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// TestOutcomes is the table "Outcomes of a call" of the engine, for a message and for a call that may be repeated.
func TestOutcomes(t *testing.T) {
	type want struct {
		state     engine.OutcomeState
		retryable bool
	}
	tests := []struct {
		name       string
		err        error
		message    want
		idempotent want
		code       string
		pause      time.Duration
		fault      bool
	}{
		{"could not connect", &youmi.APIError{Verdict: youmi.Unreachable, Code: "refused"}, want{engine.Unreachable, true}, want{engine.Unreachable, true}, "refused", 0, false},
		{"never left", &youmi.APIError{Verdict: youmi.NotSent, Code: "broken"}, want{engine.NotSent, true}, want{engine.NotSent, true}, "broken", 0, false},
		{"certificate", &youmi.APIError{Verdict: youmi.NotSent, Code: "certificate"}, want{engine.NotSent, false}, want{engine.NotSent, false}, "certificate", 0, false},
		{"token refused", &youmi.APIError{Verdict: youmi.NotSent, Code: "10003"}, want{engine.NotSent, true}, want{engine.NotSent, true}, "10003", 0, false},
		{"refused", &youmi.APIError{Verdict: youmi.Failed, Code: "200009"}, want{engine.Failed, false}, want{engine.Failed, false}, "200009", 0, false},
		{"server error", &youmi.APIError{Verdict: youmi.Failed, Code: "200011"}, want{engine.Failed, false}, want{engine.Failed, true}, "200011", 0, false},
		{"IM send error", &youmi.APIError{Verdict: youmi.Failed, Code: "200013"}, want{engine.Failed, false}, want{engine.Failed, false}, "200013", 0, true},
		{"too many", &youmi.APIError{Verdict: youmi.Throttled, Code: "HTTP-429", RetryAfter: 3 * time.Second}, want{engine.NotSent, true}, want{engine.NotSent, true}, "HTTP-429", 3 * time.Second, false},
		{"too many, for how long is not said", &youmi.APIError{Verdict: youmi.Throttled, Code: "HTTP-429"}, want{engine.NotSent, true}, want{engine.NotSent, true}, "HTTP-429", throttledPause, false},
		{"away", &youmi.APIError{Verdict: youmi.Unknown, Code: "HTTP-503", RetryAfter: time.Second}, want{engine.Unknown, false}, want{engine.Unknown, true}, "HTTP-503", time.Second, false},
		{"timeout", &youmi.APIError{Verdict: youmi.Unknown, Code: "timeout"}, want{engine.Unknown, false}, want{engine.Unknown, true}, "timeout", 0, false},
		{"contradiction with the fault's code", &youmi.APIError{Verdict: youmi.Unknown, Code: "200013"}, want{engine.Unknown, false}, want{engine.Unknown, true}, "200013", 0, false},
		{"no token: away", &youmi.TokenError{Verdict: youmi.Unreachable, Code: "HTTP-500"}, want{engine.Unreachable, true}, want{engine.Unreachable, true}, "HTTP-500", 0, false},
		{"no token: refused", &youmi.TokenError{Verdict: youmi.NotSent, Code: "invalid_client", Refused: true}, want{engine.Unreachable, true}, want{engine.Unreachable, true}, "invalid_client", 0, false},
		{"anything else", errors.New("?"), want{engine.Unknown, false}, want{engine.Unknown, true}, "unknown", 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			catalogue := newCatalogue(t, &recorder{err: test.err})
			for step, want := range map[string]want{"message.send": test.message, "takeover.apply": test.idempotent} {
				with := recipient(nil)
				if step == "message.send" {
					with["text"] = "a"
				}
				action, err := prepare(t, catalogue, step, with)
				require.NoError(t, err)
				got := action.Perform(t.Context())
				require.Equal(t, want.state, got.State, step)
				require.Equal(t, want.retryable, got.Retryable, step)
				require.Equal(t, test.code, got.Code, step)
				require.Equal(t, test.pause, got.RetryAfter, step)
				require.Equal(t, test.fault, got.AccountFault, step)
				require.Equal(t, test.err.Error(), got.Message, step)
				require.Nil(t, got.Outputs, step)
			}
		})
	}
}

// TestMessageIsOnlyRetriedWhenNotSent holds the rule for every verdict there is.
func TestMessageIsOnlyRetriedWhenNotSent(t *testing.T) {
	for _, verdict := range []youmi.Verdict{youmi.Failed, youmi.NotSent, youmi.Unreachable, youmi.Throttled, youmi.Unknown} {
		got := outcome(&youmi.APIError{Verdict: verdict, Code: "x"}, workflows.EffectMessage)
		if got.Retryable {
			require.Contains(t, []engine.OutcomeState{engine.NotSent, engine.Unreachable}, got.State, verdict)
		}
	}
}

func TestOutputsOfAMessage(t *testing.T) {
	api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, RequestID: "r1", Values: []byte(`{"taskId":17}`)}}
	action, err := prepare(t, newCatalogue(t, api), "message.send", recipient(map[string]any{"text": "a"}))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"task_id": "", "request_id": ""}, action.Assumed)
	require.Equal(t, engine.Outcome{
		State: engine.Succeeded, Code: "20000", RequestID: "r1", TaskID: "17", Outputs: map[string]any{"task_id": "17", "request_id": "r1"},
	}, action.Perform(t.Context()))
}
