package workflows

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// told is a catalogue with one step, which names channels.
type told struct{}

func (told) Lookup(name string) (*StepType, bool) {
	return &StepType{Name: name, Effect: EffectLocal, Inputs: []Field{
		{Name: "to", Names: NamesChannels}, {Name: "text", Type: expression.Type{Kind: expression.String}},
	}}, name == "notify.send"
}

func (told) Names() []string { return []string{"notify.send"} }

func projectOf(t *testing.T, settings string) *Project {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(settings), 0o600))
	p, problems := LoadProject(dir, func(string) (string, bool) { return "", false })
	require.Empty(t, problems)
	return p
}

func TestChannelsThatThereAreNot(t *testing.T) {
	find := func(settings, steps string) []string {
		t.Helper()
		p := projectOf(t, settings)
		w, problems := Parse("flow.yaml", []byte("steps:\n"+steps), told{})
		require.Empty(t, problems)
		require.Equal(t, p.ChannelProblems(w).Err(), p.CheckChannels(w))
		var list []string
		for _, problem := range p.ChannelProblems(w) {
			require.Equal(t, diagnostic.Error, problem.Severity)
			list = append(list, problem.String()+" "+problem.Suggestion)
		}
		p.File = ""
		require.Empty(t, p.ChannelProblems(w), "without a youmiflow.yaml nobody knows")
		return list
	}
	const two = "notify: { channels: { team: { slack: \"${A}\" }, ops: { slack: \"${B}\" } } }\n"
	require.Empty(t, find(two, "  - { uses: notify.send, with: { to: team, text: teem } }\n"))
	require.Empty(t, find(two, "  - { uses: notify.send, with: { to: [team, ops], text: hi } }\n"))
	require.Empty(t, find(two, "  - { uses: notify.send, with: { to: \"${{ run.workflow }}\", text: hi } }\n"), "an expression")
	require.Equal(t, []string{`flow.yaml:2:38: there is no channel "teem" under notify.channels [not-allowed] team`},
		find(two, "  - { uses: notify.send, with: { to: teem, text: hi } }\n"))
	require.Equal(t, []string{
		`flow.yaml:5:47: there is no channel "somewhere" under notify.channels [not-allowed] `,
		`flow.yaml:6:72: there is no channel "opps" under notify.channels [not-allowed] ops`,
	}, find(two, `  - foreach: { in: [1], as: n }
    steps:
      - steps:
          - { uses: notify.send, with: { to: [somewhere, team], text: hi } }
    finally: [{ uses: notify.send, with: { to: ["${{ run.workflow }}", opps], text: "${{ run.id }}" } }]
`))
	require.Equal(t, []string{`flow.yaml:2:38: there is no channel "team": youmiflow.yaml has none; add it under notify.channels (docs/notifications.md) [not-allowed] `},
		find("timezone: Asia/Shanghai\n", "  - { uses: notify.send, with: { to: team, text: hi } }\n"))
}

// What waits for events is warned about where none can arrive, each at its place.
func TestEventsThatNeverCome(t *testing.T) {
	w := valid(t, `triggers: [{ schedule: "@daily" }, { event: chat }]
steps:
  - foreach: { in: [1], as: n, stop_when: chat }
    steps: [{ uses: log, with: { message: hi } }]
  - foreach:
      in: [1]
      as: n
      stop_when: { event: chat, if: event.from == "customer" }
    steps: [{ uses: log, with: { message: hi } }]
`)
	p := projectOf(t, "timezone: Asia/Shanghai\n")
	places := func(list diagnostic.List) (places [][2]int) {
		for _, one := range list {
			require.Equal(t, diagnostic.Warning, one.Severity)
			require.Equal(t, "no-events", one.Code)
			places = append(places, [2]int{one.Line, one.Column})
		}
		return places
	}
	require.Equal(t, [][2]int{{1, 36}, {3, 43}, {8, 18}}, places(p.EventWarnings(w)))
	require.Equal(t, [][2]int{{3, 43}}, places(p.StopWarnings(w)), "a run is told once, and nothing of triggers")
	require.True(t, w.Stops())

	p = projectOf(t, "server: { events: \"${EVENTS}\" }\n")
	require.Empty(t, p.EventWarnings(w))
	require.Empty(t, p.StopWarnings(w))
	require.False(t, valid(t, "steps: [{ uses: log, with: { message: hi } }]").Stops())
}
