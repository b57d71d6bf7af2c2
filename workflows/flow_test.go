package workflows

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/expression"
)

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	return zone
}

func campaign(t testing.TB) *Workflow {
	t.Helper()
	source, err := os.ReadFile("testdata/ok/campaign.yaml")
	require.NoError(t, err)
	return valid(t, string(source))
}

func TestTriggersAsTheFileHasThem(t *testing.T) {
	w := campaign(t)
	require.Len(t, w.Triggers, 6)
	daily, project, at, local, chat, again := w.Triggers[0], w.Triggers[1], w.Triggers[2], w.Triggers[3], w.Triggers[4], w.Triggers[5]
	require.Equal(t, "0 10 * * MON-FRI", daily.Name)
	require.Equal(t, []any{OverlapQueue, MissedLatest, 2 * time.Hour, 5 * time.Minute}, []any{daily.Overlap, daily.Missed, daily.MissedWithin, daily.Jitter})
	from, until := daily.Bounds(time.UTC)
	require.Equal(t, time.Date(2026, 11, 1, 0, 0, 0, 0, shanghai(t)).Unix(), from.Unix(), "its own zone, not the project's")
	require.Equal(t, time.Date(2099, 12, 1, 0, 0, 0, 0, shanghai(t)).Add(-time.Nanosecond).UnixNano(), until.UnixNano(), "the last day is meant to its end")
	require.Equal(t, []any{OverlapSkip, MissedSkip}, []any{project.Overlap, project.Missed})
	require.Nil(t, project.Location)
	require.True(t, at.At.Equal(local.At), "on the clock of its time zone")
	require.Equal(t, []string{"chat", "chat (2)"}, []string{chat.Name, again.Name})
	yes, err := chat.If.Eval(map[string]any{"event": map[string]any{"content": "有优惠吗", "friend": "f"}})
	require.NoError(t, err)
	require.Equal(t, true, yes)
	require.Equal(t, "friend", chat.Params[1].Name)
	friend, err := chat.Params[1].Value.Eval(map[string]any{"event": map[string]any{"friend": "f"}})
	require.NoError(t, err)
	require.Equal(t, "f", friend)
}

func TestDatesOfAScheduleAreThoseOfTheProject(t *testing.T) {
	w := valid(t, `
triggers: [{ schedule: "@daily", from: 2026-11-01, until: 2026-11-01 }]
steps: [{ uses: log, with: { message: hi } }]`)
	from, until := w.Triggers[0].Bounds(shanghai(t))
	require.Equal(t, "2026-11-01T00:00:00+08:00", from.Format(time.RFC3339))
	require.Equal(t, "2026-11-01T23:59:59+08:00", until.Format(time.RFC3339))
}

func TestPaceAsTheFileHasIt(t *testing.T) {
	w := campaign(t)
	require.Equal(t, []any{12 * time.Hour, 5}, []any{w.Deadline, w.Priority})
	window := w.Window.Calendar(time.UTC)
	require.True(t, window.Open(time.Date(2026, 11, 21, 20, 59, 0, 0, shanghai(t))))
	require.False(t, window.Open(time.Date(2026, 11, 21, 21, 0, 0, 0, shanghai(t))))
	require.False(t, window.Open(time.Date(2026, 11, 22, 12, 0, 0, 0, shanghai(t))), "a Sunday")
	other := valid(t, "send_window: { from: 8:00, to: 24:00 }\nsteps: [{ uses: log, with: { message: hi } }]")
	require.True(t, other.Window.Calendar(shanghai(t)).Open(time.Date(2026, 11, 22, 8, 0, 0, 0, shanghai(t))))

	account, customer := w.Limits[0], w.Limits[1]
	require.Equal(t, []any{30, 2 * time.Minute, 5 * time.Minute, []int{50, 100, 200}}, []any{account.RestAfter, account.RestMin, account.RestMax, account.WarmUp})
	require.Equal(t, []any{2, 7 * 24 * time.Hour, OverSkip}, []any{customer.Max, customer.Per, customer.Over})
	require.Equal(t, OverHold, account.Over)
}

func TestWavesAsTheFileHasThem(t *testing.T) {
	w := campaign(t)
	var loops []*Foreach
	w.Each(func(s *Step) {
		if s.Foreach != nil {
			loops = append(loops, s.Foreach)
		}
	})
	require.Equal(t, []Wave{{Share: Share{Count: 20}}, {Share: Share{Percent: 10}}, {Share: Share{Percent: 12.5}, Approve: true, Pause: 30 * time.Minute}}, loops[0].Waves)
	require.Equal(t, &Share{Percent: 3}, loops[0].Tolerate)
	require.Equal(t, []Variant{{"a", 50}, {"乙", 50}}, loops[0].Variants)
	require.Equal(t, "chat", loops[0].StopWhen.Event)
	require.NotNil(t, loops[0].StopWhen.If)
	require.Equal(t, []Wave{{Share{Count: 1}, true, time.Minute}, {Share{Percent: 100}, true, time.Minute}}, loops[1].Waves)
	require.Equal(t, "message.received", loops[1].StopWhen.Event)
	require.Nil(t, loops[1].StopWhen.If)
	require.Equal(t, []Wave{{Share: Share{Percent: 50}}}, loops[2].Waves)
	require.Nil(t, loops[2].Tolerate)
	zero := valid(t, "steps:\n  - foreach: { in: [1], as: n, tolerate: 0 }\n    steps: [{ uses: log, with: { message: hi } }]")
	require.Equal(t, &Share{}, zero.Steps[0].Foreach.Tolerate, "none is not the same as not said")
}

func TestFlowAsTheFileHasIt(t *testing.T) {
	w := campaign(t)
	ask := w.Steps[1].Approve
	require.Equal(t, []any{2 * time.Hour, DecisionApprove}, []any{ask.For, ask.Default})
	text, err := ask.Text.Eval(map[string]any{"params": map[string]any{"coupon": "D11-88"}})
	require.NoError(t, err)
	require.Equal(t, "Send D11-88?", text)
	require.Equal(t, Approve{Text: w.Steps[2].Approve.Text, Default: DecisionReject}, *w.Steps[2].Approve)
	require.Nil(t, w.Steps[3].Approve.Text, "the step's name is asked")

	both := w.Steps[4].Parallel
	require.Equal(t, []string{"one", "two"}, []string{both[0].Name, both[1].Name})
	pause, ok := both[1].Steps[1].Wait.Duration.Literal()
	require.True(t, ok)
	require.Equal(t, 30*time.Minute, pause)

	require.NotNil(t, w.Steps[6].Wait.At)
	require.NotNil(t, w.Steps[7].Wait.Duration)
	require.NotNil(t, w.Steps[8].Wait.At)
	until := w.Steps[9].Wait
	require.Equal(t, []any{time.Minute, 2 * time.Hour}, []any{until.Every, until.For})
	look := w.Steps[10]
	require.Equal(t, []any{time.Minute, 24 * time.Hour}, []any{look.Wait.Every, look.Wait.For}, "the defaults")
	require.Len(t, look.Steps, 2)

	var paths []string
	walk([][]*Step{w.Steps}, func(s *Step) { paths = append(paths, s.Path) })
	require.Equal(t, []string{"vips", "ask", "approve", "approve-2", "both", "a", "log", "b", "wait", "log-2", "wait-2", "wait-3", "wait-4", "wait-5",
		"ready", "look", "other", "reach", "foreach", "foreach-2"}, paths, "branches and looks belong to the scope around them")
	require.Equal(t, []string{"reached", "coupon"}, []string{w.Outputs[0].Name, w.Outputs[1].Name})
	require.Equal(t, expression.Integer, w.Outputs[0].Value.Type().Kind)
}

func TestHandlesAreNoOutputs(t *testing.T) {
	source := `
steps:
  - { id: hold, uses: takeover.apply, with: { account: a, friend: b } }
  - { id: list, uses: audience.file, with: { path: x.csv } }
outputs:
  held: { deep: ["${{ steps.hold.takeover }}"] }
  rows: ${{ steps.list.rows }}
  fine: ${{ steps.hold.status }}
`
	workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
	require.Nil(t, workflow)
	require.Len(t, problems, 2)
	require.Equal(t, []int{6, 7}, []int{problems[0].Line, problems[1].Line})
	require.Contains(t, problems[0].Message, "the handle of takeover cannot be")
}

// Warnings are of what is allowed and hardly ever meant.
func TestWhatIsHardlyEverMeant(t *testing.T) {
	const body = "    steps: [{ uses: log, with: { message: hi } }]\n"
	for source, code := range map[string]string{
		"triggers: [{ schedule: \"@daily\", missed: all }]\nsteps:\n  - steps: [{ uses: log, with: { message: hi } }]\n":        "missed-unbounded",
		"triggers: [{ schedule: \"@daily\", missed_within: 2h }]\nsteps:\n  - steps: [{ uses: log, with: { message: hi } }]\n":  "no-effect",
		"steps: [{ approve: { text: Go, default: approve } }]\n":                                                                "no-effect",
		"steps:\n  - foreach: { in: [1], as: n, tolerate: 0, waves: [1] }\n" + body:                                             "tolerates-nothing",
		"steps:\n  - foreach: { in: [1], as: n, tolerate: 0% , waves: [1] }\n" + body:                                           "tolerates-nothing",
		"deadline: 12h\nsteps: [{ wait: 12h }]\n":                                                                               "wait-beyond-deadline",
		"params: { x: {} }\nsteps: [{ wait: { until: params.x == \"\" } }]\n":                                                   "until-fixed",
		"steps:\n  - foreach: { in: [1], as: n, tolerate: 0 }\n" + body:                                                         "",
		"deadline: 12h\nsteps: [{ wait: 11h }]\n":                                                                               "",
		"steps: [{ wait: { until: now() > date(\"2026-11-11\") } }]\n":                                                          "",
		"triggers: [{ schedule: \"@daily\", missed: all, missed_within: 2h }]\nsteps: [{ uses: log, with: { message: hi } }]\n": "",
	} {
		workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
		require.NotNil(t, workflow, "%s: %s", source, show(problems, source))
		got := ""
		for _, problem := range problems {
			got += problem.Code
		}
		require.Equal(t, code, got, source)
	}
}

func TestTriggersOfThePast(t *testing.T) {
	w := valid(t, `
triggers:
  - at: 2026-11-11T10:00:00+08:00
  - { schedule: "@daily", until: 2026-11-10, timezone: Asia/Shanghai }
  - { schedule: "@daily", until: 2026-11-11 }
  - schedule: "@daily"
  - event: chat
steps: [{ uses: log, with: { message: hi } }]`)
	at := w.Triggers[0].At
	require.Empty(t, TriggerWarnings(w, at.Add(-48*time.Hour)))
	require.Len(t, TriggerWarnings(w, at), 1, "now is not the past")
	require.Equal(t, 4, TriggerWarnings(w, at)[0].Line)
	require.Len(t, TriggerWarnings(w, at.Add(time.Second)), 2)
	require.Len(t, TriggerWarnings(w, at.Add(72*time.Hour)), 3, "a date without a zone has passed when it has passed everywhere")
}
