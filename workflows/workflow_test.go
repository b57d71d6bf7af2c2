package workflows

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func valid(t testing.TB, source string) *Workflow {
	t.Helper()
	w, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
	require.NotNil(t, w, "%s", show(problems, source))
	return w
}

func TestBindParamsConvertsAndFillsIn(t *testing.T) {
	source, err := os.ReadFile("testdata/ok/everything.yaml")
	require.NoError(t, err)
	w := valid(t, string(source))
	bound, err := w.BindParams(map[string]any{"count": "2", "ratio": 2, "test": "True", "pause": "90s", "tags": "x, y", "since": "2026-01-02T03:04:05Z", "coupon": "D11-1"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"audience": "lists/vip.csv", "count": 2, "ratio": 2.0, "test": true, "pause": 90 * time.Second, "tags": []any{"x", "y"},
		"since": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "coupon": "D11-1",
	}, bound)
	again, err := w.BindParams(map[string]any{"count": 2.0, "pause": float64(90 * time.Second), "tags": "[1, b]"})
	require.NoError(t, err, "as JSON gives them back")
	require.Equal(t, []any{2, 90 * time.Second, []any{1, "b"}}, []any{again["count"], again["pause"], again["tags"]})
}

func TestBindParamsListsEveryProblem(t *testing.T) {
	w := valid(t, `
params:
  need: { type: file, required: true }
  count: { type: integer, enum: [1, 2] }
  coupon: { type: string, pattern: "^D" }
  other: { type: boolean }
steps: [{ uses: log, with: { message: hi } }]`)
	_, err := w.BindParams(map[string]any{"cuopon": "x", "count": "3", "coupon": "X1", "other": 3.5})
	var failed *ParamError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Problems, 5)
	require.EqualError(t, err, `params of workflow flow: the param "count": "3" is not allowed: it is one of 1, 2; the param "coupon": "X1" does not match the pattern ^D; `+
		`there is no param "cuopon" (did you mean "coupon"?); the param "need" is required; the param "other": it needs true or false, and this is a number`)
	_, err = w.BindParams(map[string]any{"need": "x", "count": "two"})
	require.ErrorContains(t, err, `"two" is not a whole number`)
}

func TestPathsTellStepsOfAScopeApart(t *testing.T) {
	w := valid(t, `
steps:
  - uses: log
    with: { message: a }
  - id: log
    steps:
      - { uses: log, with: { message: b } }
      - steps: [{ uses: log, with: { message: c } }]
    finally: [{ uses: log, with: { message: d } }]
  - foreach: { in: [1], as: n }
    steps: [{ uses: log, with: { message: e } }, { id: x, uses: log, with: { message: f } }]
    finally: [{ uses: log, with: { message: g } }]
  - foreach: { in: [1], as: n }
    steps: [{ uses: assert, with: { that: true } }]
finally: [{ uses: log, with: { message: h } }]`)
	var paths []string
	walk([][]*Step{w.Steps, w.Finally}, func(s *Step) { paths = append(paths, s.Path) })
	require.Equal(t, []string{"log-2", "log", "log-3", "group", "log-4", "log-5", "foreach", "foreach-2", "log-6"}, paths)
	paths = nil
	body := w.Steps[2]
	walk([][]*Step{body.Steps, body.Finally}, func(s *Step) { paths = append(paths, s.Path) })
	require.Equal(t, []string{"log", "x", "log-2"}, paths)
}

func TestOnlyStatusFunctionsReplaceTheDefaultCondition(t *testing.T) {
	w := valid(t, `
params: { a: { type: boolean } }
steps:
  - { uses: log, with: { message: a } }
  - { if: params.a, uses: log, with: { message: a } }
  - { if: "params.a || failure()", uses: log, with: { message: a } }
  - { if: true, uses: log, with: { message: a } }`)
	require.Nil(t, w.Steps[0].If)
	require.NotNil(t, w.Steps[1].If)
	require.False(t, w.Steps[1].IfSeesStatus)
	require.True(t, w.Steps[2].IfSeesStatus)
	require.NotNil(t, w.Steps[3].If)
}

func TestResolveLimits(t *testing.T) {
	w := valid(t, `
limits:
  account: { rate: 10/s }
  customer: { daily: 1 }
  shared: { hourly: 3 }
  free: { gap: 1s }
steps: [{ uses: log, with: { message: hi } }]`)
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": "limits: { shared: { by: call.friend, rate: 1/s } }"}, nil)
	require.Empty(t, problems)
	limits := ResolveLimits(w, p.Limits)
	require.Len(t, limits, 4)
	call := map[string]any{"call": map[string]any{"account": "a", "friend": "f", "effect": "message"}}
	for i, want := range []any{"a", "a/f", "f"} {
		require.Equal(t, "flow", limits[i].Scope)
		got, err := limits[i].By.Eval(call)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, i := range []int{0, 1} {
		got, err := limits[i].Match.Eval(call)
		require.NoError(t, err)
		require.Equal(t, true, got)
	}
	require.Nil(t, limits[2].Match)
	require.Nil(t, limits[3].By)
	require.Nil(t, w.Limits[0].By, "the workflow's own are not changed")
	require.Empty(t, LimitWarnings(w, nil))
	require.Equal(t, "no-account-limit", LimitWarnings(nil, p.Limits)[0].Code)
}

func TestOnlyWhatSendsIsWarnedAboutLimits(t *testing.T) {
	quiet := "steps:\n  - foreach: { in: [1], as: n }\n    steps: [{ uses: log, with: { message: hi } }]\n"
	require.Empty(t, LimitWarnings(valid(t, quiet), nil))
	sends := "{ uses: message.send, with: { account: a, friend: b, text: hi } }"
	for _, loud := range []string{
		"steps: [" + sends + "]",
		"steps:\n  - foreach: { in: [1], as: n }\n    steps: [{ steps: [{ uses: log, with: { message: hi } }], finally: [" + sends + "] }]",
		"steps: [{ uses: log, with: { message: hi } }]\nfinally: [" + sends + "]",
	} {
		require.Equal(t, "no-account-limit", LimitWarnings(valid(t, loud), nil)[0].Code, loud)
		require.Empty(t, LimitWarnings(valid(t, "limits: { account: { rate: 1/s } }\n"+loud), nil), loud)
	}
}

func TestSharedLimitsOfAWellKnownNameCountWhatItSays(t *testing.T) {
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": `limits:
  account: { rate: 20/min }
  customer: { per: 7d, max: 2 }
  tenant: { rate: 5/s }
`}, nil)
	require.Empty(t, problems)
	call := map[string]any{"call": map[string]any{"account": "a", "friend": "f", "effect": "message"}}
	for i, want := range []string{"a", "a/f"} {
		got, err := p.Limits[i].By.Eval(call)
		require.NoError(t, err)
		require.Equal(t, want, got)
		matches, err := p.Limits[i].Match.Eval(map[string]any{"call": map[string]any{"effect": "read"}})
		require.NoError(t, err)
		require.Equal(t, false, matches)
	}
	require.Nil(t, p.Limits[2].By)
	p, problems = projectIn(t, map[string]string{"youmiflow.yaml": "limits: { account: { by: call.account, rate: 1/s } }"}, nil)
	require.Empty(t, problems)
	require.Nil(t, p.Limits[0].Match, "who says by means every call")
}
