package rehearsal

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
	"youmiflow/steps"
	"youmiflow/workflows"
)

var update = flag.Bool("update", false, "write what there is as what is expected")

const campaign = `
triggers: [{ event: chat, params: { needed: 1 } }, { schedule: "@daily", params: { needed: 2 } }]
params: { coupon: { type: string, default: A, pattern: "^[A-Z]+$" }, needed: { type: integer, required: true } }
steps:
  - id: rows
    uses: audience.file
    with: { path: list.csv }
  - id: page
    uses: http.request
    with: { url: "https://example.com" }
  - id: ask
    approve: go on
  - id: reach
    foreach: { in: "${{ steps.rows.rows }}", as: row, key: row.friend, waves: [{ size: 1, approve: true }, 100%] }
    steps:
      - id: say
        uses: message.send
        with: { account: "1", friend: "${{ row.friend }}", text: "${{ params.coupon }}" }
`

func parsed(t testing.TB) *workflows.Workflow {
	t.Helper()
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	workflow, problems := workflows.Parse("campaign.yaml", []byte(campaign), catalogue)
	require.NoError(t, problems.Err())
	return workflow
}

// Each file under testdata/err has the problems that stand beside it.
func TestProblemsHaveTheirPlace(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "err", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	workflow := parsed(t)
	for _, name := range names {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		file, problems := Read(filepath.Base(name), source, time.UTC)
		if file != nil {
			problems = append(problems, file.Check(workflow)...)
		}
		problems.Sort()
		var out bytes.Buffer
		for _, problem := range problems {
			out.WriteString(problem.String())
			if problem.Suggestion != "" {
				out.WriteString(" did you mean " + problem.Suggestion + "?")
			}
			out.WriteString("\n")
		}
		golden := strings.TrimSuffix(name, ".yaml") + ".out"
		if *update {
			require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), out.String(), name)
		require.True(t, problems.HasErrors(), name)
	}
}

func TestAFileIsReadWhole(t *testing.T) {
	file, problems := Read("a.test.yaml", []byte(`workflow: campaign.yaml
tests:
  - name: one
    clock: 2026-11-11 10:00
    params: { needed: 3 }
    audience: { rows: [{ friend: f1, age: 030, tags: [a] }, { friend: f2, vip: true, name: ~ }] }
    answers: { page: { status: 200 } }
    limits: none
    faults: ["doSendPublicMes:lose:first=1"]
    approvals: { ask: { decision: reject, after: 2h, by: 王, note: no }, reach/wave-1: approve }
    seed: 7
    expect:
      error: { code: rejected, message: no }
      items: { f1: skipped, f2: { status: held, wave: 2 } }
      takeovers: any
      outputs: { a: [1, 2.5, null] }
  - { name: two, audience: { rows: other.csv }, params: { needed: 1 }, expect: { calls: [] } }
  - name: three
    clock: 2026-11-11 10:00
    trigger: { name: "@daily", follow: 2d }
    during:
      - { at: 1h, crash: 5m }
      - { at: 30s, event: { kind: task.result, task: 7, succeed: false, error: gone, values: { more: 1 } } }
      - { at: 09:00, approve: reach/wave-1, by: 王 }
    expect: { fires: [{ at: 2026-11-12 00:00, outcome: skipped, reason: another }, 2026-11-13 00:00] }
  - { name: four, test_to: "1:f1", params: { needed: 1 }, expect: { calls: [] } }
`), time.UTC)
	require.Empty(t, problems)
	require.Empty(t, file.Check(parsed(t)))
	one := file.Tests[0]
	require.Equal(t, time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC), one.Clock)
	require.Equal(t, []string{"friend", "age", "tags", "vip", "name"}, one.Audience[0].Columns)
	require.Equal(t, "030", one.Audience[0].Rows[0].texts["age"])
	require.Equal(t, map[string]any{"friend": "f2", "vip": true, "name": nil}, one.Audience[0].Rows[1].values)
	require.Equal(t, map[string]any{"status": 200}, one.Answers[0].Outputs)
	require.True(t, one.NoLimits)
	require.Equal(t, uint64(7), one.Seed)
	require.Equal(t, 2*time.Hour, one.Approvals[0].After)
	require.True(t, one.Expect.Takeovers)
	require.Equal(t, []any{1, 2.5, nil}, one.Expect.Outputs[0].Value)
	require.Equal(t, "other.csv", file.Tests[1].Audience[0].File)
	require.Equal(t, uint64(1), file.Tests[1].Seed)
	three := file.Tests[2]
	require.Equal(t, 48*time.Hour, three.Trigger.Follow)
	require.Equal(t, []Act{ActEvent, ActCrash, ActApprove}, []Act{three.During[0].Act, three.During[1].Act, three.During[2].Act})
	require.Equal(t, time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC), three.During[2].At)
	require.Equal(t, map[string]any{"taskId": "7", "succeed": false, "errdesc": "gone", "more": 1}, three.During[0].Event.payload())
	require.Equal(t, &SendTo{Account: "1", Friend: "f1"}, file.Tests[3].SendTo)
}

// Whatever a file holds: no crash, and every problem stands in the file.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "err", "*.yaml"))
	require.NoError(f, err)
	for _, name := range names {
		source, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(source)
	}
	f.Add([]byte("tests:\n  - name: a\n    clock: 2026-11-11 10:00\n    expect: { calls: [{ at: 10:00..11:00, body: { a: [1] } }], items: { x: { wave: 1 } } }\n"))
	f.Add([]byte("tests: [{name: a, audience: {rows: [{a: {b: [1e3, 0x10, 1_000]}}]}, faults: ['*:http=429,retry_after=5:over=20/s'], expect: {status: failed}}]"))
	f.Add([]byte("tests: [{name: a, trigger: {name: chat, follow: 1d}, test_to: '1:2', during: [{at: 0s, event: {kind: chat, values: {a: [1]}}}, {at: 1m, crash: 2h}], expect: {fires: [10:00..11:00, {outcome: missed}]}}]"))
	workflow := parsed(f)
	f.Fuzz(func(t *testing.T, source []byte) {
		file, problems := Read("a.test.yaml", source, time.UTC)
		if file != nil {
			problems = append(problems, file.Check(workflow)...)
		} else {
			require.True(t, problems.HasErrors())
		}
		lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(string(source), "\ufeff"), "\r\n", "\n"), "\n")
		for _, problem := range problems {
			requireInside(t, lines, problem)
		}
	})
}

func requireInside(t *testing.T, lines []string, problem diagnostic.Diagnostic) {
	t.Helper()
	require.GreaterOrEqual(t, problem.Line, 1, problem)
	require.LessOrEqual(t, problem.Line, len(lines), problem)
	require.GreaterOrEqual(t, problem.Column, 1, problem)
	require.LessOrEqual(t, problem.Column, utf8.RuneCountInString(lines[problem.Line-1])+1, problem)
	require.NotEmpty(t, problem.Code)
}
