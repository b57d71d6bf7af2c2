package steps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
)

// BenchmarkMessage is the share of the catalogue in one message: its body is built once, and sent as it is.
func BenchmarkMessage(b *testing.B) {
	api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, Values: []byte(`{"taskId":"t"}`)}}
	catalogue := newCatalogue(b, api)
	step, _ := catalogue.Step("message.send")
	input := engine.Input{Connection: "default", With: recipient(map[string]any{"text": "你好，你的券 D11-88 已到账"})}
	b.ReportAllocs()
	for b.Loop() {
		action, err := step.Prepare(input)
		require.NoError(b, err)
		if outcome := action.Perform(b.Context()); outcome.State != engine.Succeeded {
			b.Fatal(outcome.Message)
		}
	}
}
