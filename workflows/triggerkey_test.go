package workflows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A trigger's key goes by what it is meant for and gives, however and wherever that is written.
func TestTheKeyOfATrigger(t *testing.T) {
	keys := func(triggers ...string) (list []string) {
		text := "name: w\nparams: { n: { type: string }, m: { type: string } }\ntriggers:\n  - " + strings.Join(triggers, "\n  - ") + "\nsteps: [{ wait: 1s }]\n"
		workflow, problems := Parse("w.yaml", []byte(text), newTestCatalogue())
		require.NoError(t, problems.Err())
		for _, trigger := range workflow.Triggers {
			list = append(list, trigger.Key)
		}
		return list
	}
	const a = `{ event: chat, if: event.content == "a", params: { n: x } }`
	one := keys(a)[0]
	require.Contains(t, one, "chat-")
	for name, same := range map[string]string{
		"how often": `{ event: chat, if: event.content == "a", max_runs: 7, overlap: queue, params: { n: x } }`,
		"quotes":    `{ "event": chat, if: 'event.content == "a"', params: { "n": 'x' } } # as ever`,
		"lines":     "event: chat\n    if: event.content == \"a\"\n    params:\n      n: x",
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, one, keys(same)[0]) })
	}
	for name, other := range map[string]string{
		"event":     `{ event: message.received, if: event.content == "a", params: { n: x } }`,
		"condition": `{ event: chat, if: event.content == "b", params: { n: x } }`,
		"none":      `{ event: chat, params: { n: x } }`,
		"value":     `{ event: chat, if: event.content == "a", params: { n: y } }`,
		"name":      `{ event: chat, if: event.content == "a", params: { m: x } }`,
		"more":      `{ event: chat, if: event.content == "a", params: { n: x, m: x } }`,
		"no params": `{ event: chat, if: event.content == "a" }`,
	} {
		t.Run(name, func(t *testing.T) {
			both := keys(other, a)
			require.Equal(t, one, both[1], "wherever it stands")
			require.NotEqual(t, one, both[0])
		})
	}
	require.Equal(t, []string{one, one + " (2)", ""}, keys(a, a, `{ schedule: "@daily" }`))
}
