package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
)

// played is a test's result as `youmiflow test --output json` gives it.
type played struct {
	Name     string
	Passed   bool
	Error    string
	Failures []struct {
		Line int
		What string
		Diff []string
	}
}

// play runs the tests of a project and returns their results without the time that they took.
func play(t *testing.T, files map[string]string) []played {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var out, problems bytes.Buffer
	cli.Main(context.Background(), []string{"--project", dir, "--quiet", "test", dir, "--output", "json"},
		cli.Environment{Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false }})
	var results []played
	require.NoError(t, json.Unmarshal(out.Bytes(), &results), "%s%s", out.String(), problems.String())
	return results
}

// passes runs the tests of one workflow, and all must pass.
func passes(t *testing.T, workflow, tests string, more ...string) {
	t.Helper()
	for _, result := range play(t, project(workflow, tests, more...)) {
		require.True(t, result.Passed, "%s: %s", result.Name, result.text())
	}
}

// fails runs one test and returns why it has failed: the error, or what differs.
func fails(t *testing.T, workflow, test string, more ...string) string {
	t.Helper()
	results := play(t, project(workflow, test, more...))
	require.Len(t, results, 1)
	require.False(t, results[0].Passed)
	return results[0].text()
}

func (p played) text() string {
	text := p.Error
	for _, failure := range p.Failures {
		text += fmt.Sprintf("%d %s\n%s\n", failure.Line, failure.What, strings.Join(failure.Diff, "\n"))
	}
	return text
}

func project(workflow, tests string, more ...string) map[string]string {
	files := map[string]string{"youmiflow.yaml": "timezone: Asia/Shanghai\n", "w.yaml": workflow, "w.test.yaml": tests}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

// busy has everything in it that is drawn, or done at the same time.
const busy = `
params: { list: { type: file, default: list.csv } }
limits:
  account: { rate: 20/min, gap: 2s..9s, rest: { after: 2, for: 1m..3m } }
steps:
  - id: rows
    uses: audience.file
    with: { path: "${{ params.list }}" }
  - id: reach
    foreach: { in: "${{ steps.rows.rows }}", as: row, key: row.friend, waves: [2, 50%], variants: { a: 1, b: 1 } }
    steps:
      - id: hold
        uses: takeover.apply
        retry: { attempts: 8, backoff: 1s..30s }
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}", reason: test }
      - parallel:
          one:
            - uses: message.send
              with: { takeover: "${{ steps.hold.takeover }}", text: "one ${{ variant }}" }
          two:
            - uses: message.send
              with: { takeover: "${{ steps.hold.takeover }}", text: two }
      - wait: 300ms
      - if: sample(row.friend, 50)
        uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: three }
`

func busyTest(seed int) string {
	rows := ""
	for i := range 12 {
		rows += fmt.Sprintf("        - { account: a%d, friend: f%d }\n", i%3, i)
	}
	return fmt.Sprintf(`
tests:
  - name: busy
    seed: %d
    audience:
      rows:
%s    faults: ["applyTakeOver:code=200011:40%%", "doSendPublicMes:lose:10%%", "*:delay:1s:30%%"]
    expect: { calls: [], items: { f1: pending, f7: pending, f11: pending } }
`, seed, rows)
}

// The same test goes the same way each time: the same calls at the same instants, the same chances.
func TestATestGoesTheSameWayEachTime(t *testing.T) {
	once := fails(t, busy, busyTest(1))
	require.Greater(t, strings.Count(once, "+ {operation"), 40, once)
	for range 4 {
		require.Equal(t, once, fails(t, busy, busyTest(1)))
	}
	require.NotEqual(t, once, fails(t, busy, busyTest(2)), "chances are drawn by the seed")
}

// An answer that does not come ends with the time limit, of the client or of the step, on the test's clock.
func TestTimeLimitsAreVirtual(t *testing.T) {
	passes(t, `
steps:
  - uses: message.send
    timeout: 20s
    with: { account: "1", friend: f1, text: hi }
  - uses: friend.count
    if: always()
`, `
tests:
  - name: the step's
    faults: ["doSendPublicMes:delay:1h"]
    expect:
      status: partial
      calls: [{ state: unknown, code: timeout, at: 10:00:00 }, { operation: GetFansCount, at: 20s }]
  - name: the client's
    faults: ["GetFansCount:delay:1h:first=1"]
    expect:
      calls:
        - { operation: doSendPublicMes, at: 10:00:00 }
        - { operation: GetFansCount, at: 10:00:00, state: failed, code: timeout }
        - { operation: GetFansCount, at: 31s..33s, attempt: 2 }
  - name: an answer that is slow
    faults: ["doSendPublicMes:slow:8s"]
    expect: { calls: [{ operation: doSendPublicMes }, { at: 8s }] }
  - name: a token that is revoked
    faults: ["*:expire:every=1:count=2"]
    expect: { status: succeeded }
`)
}

func TestAnswersComeInPlaceOfTheWorldOutside(t *testing.T) {
	const workflow = `
steps:
  - id: page
    uses: http.request
    with: { url: "https://example.com/weather" }
  - id: rows
    uses: audience.http
    with: { url: "https://example.com/list" }
  - id: say
    foreach: { in: "${{ steps.rows.rows }}", as: row, key: row.friend }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ row.friend }}", text: "${{ steps.page.text }} ${{ row.age + 1 }}" }
`
	const settings = "http: { hosts: [example.com] }\n"
	passes(t, workflow, `
tests:
  - name: answered
    answers: { page: { text: sunny } }
    audience: { rows: [{ friend: f1, age: 3 }] }
    expect: { status: succeeded, messages: [{ text: sunny 4 }] }
`, "youmiflow.yaml", settings)
	require.Contains(t, fails(t, workflow, `
tests:
  - { name: unanswered, audience: { rows: [] }, expect: { status: succeeded } }
`, "youmiflow.yaml", settings), "example.com: a test reaches no other host")
}

// A test needs no real secrets, and does not show any.
func TestSecretsHaveValuesThatAreNone(t *testing.T) {
	passes(t, `
steps:
  - id: page
    uses: http.request
    with: { url: "https://example.com/weather", headers: { X-Key: "${{ secrets.key }}" } }
`, `
tests:
  - { name: without, answers: { page: { status: 200 } }, expect: { status: succeeded } }
`, "youmiflow.yaml", "http: { hosts: [example.com] }\nsecrets: { key: \"${NO_SUCH_VARIABLE}\" }\n")
}

// The rows of a table are texts, as a CSV has them; those of JSON lines have types.
func TestRowsReadAsTheirFileWould(t *testing.T) {
	workflow := func(path, text string) string {
		return fmt.Sprintf(`
steps:
  - id: rows
    uses: audience.file
    with: { path: %s }
  - foreach: { in: "${{ steps.rows.rows }}", as: row, key: row.friend }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ row.friend }}", text: "%s" }
`, path, text)
	}
	passes(t, workflow("list.csv", "${{ row.age + '!' }}"), `
tests:
  - name: texts
    audience: { rows: [{ friend: f1, age: 03 }, { friend: f2 }] }
    expect: { messages: [{ text: "03!" }, { text: "!" }] }
`)
	passes(t, workflow("list.jsonl", "${{ row.age + 1 }}"), `
tests:
  - name: numbers
    audience: { rows: [{ friend: f1, age: 3 }] }
    expect: { messages: [{ text: "4" }] }
`)
	require.Contains(t, fails(t, workflow("list.csv", "${{ row.age }}"), `
tests:
  - { name: a column is missing, audience: { rows: [{ friend: f1 }] }, expect: { status: succeeded } }
`), "age")
	passes(t, workflow("list.csv", "${{ row.age }}"), `
tests:
  - { name: another file, audience: { rows: other.csv }, expect: { messages: [{ friend: f9, text: "9" }] } }
`, "other.csv", "friend,age\nf9,9\n")
}

func TestCalledWorkflowsAndTheirQuestions(t *testing.T) {
	passes(t, `
steps:
  - id: kid
    call: kid
    with: { who: boss }
outputs: { said: "${{ steps.kid.said }}" }
`, `
tests:
  - name: approved after a day
    clock: 2026-03-28 10:00
    approvals: { ask: { decision: approve, after: 1d } }
    expect:
      status: succeeded
      outputs: { said: boss }
      messages: [{ friend: boss, at: 2026-03-30 10:00 }]
  - name: rejected
    approvals: { ask: reject }
    expect: { status: failed, error: child-failed, messages: [] }
`, "kid.yaml", `
params: { who: { type: string, required: true } }
steps:
  - id: ask
    approve: write to them?
  - wait: 1d
  - uses: message.send
    with: { account: "1", friend: "${{ params.who }}", text: hi }
outputs: { said: "${{ params.who }}" }
`)
}

// The limits, windows and caps of the project hold, unless the test leaves them out.
func TestTheRulesOfTheProjectHold(t *testing.T) {
	passes(t, `
send_window: { from: "09:00", to: "18:00" }
deadline: 2d
steps:
  - foreach: { in: [{ friend: f1 }, { friend: f2 }, { friend: f3 }, { friend: f4 }], as: row, key: row.friend }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ row.friend }}", text: hi }
`, `
tests:
  - name: project
    clock: 2026-11-11 17:59:50
    expect:
      items: { f4: { status: skipped, reason: the deadline has passed } }
      messages: [{ friend: f1, at: 17:59:50 }, { friend: f2, at: 2026-11-12 09:00:00 }, { friend: f3, at: 2026-11-13 09:00:00 }]
  - name: none
    clock: 2026-11-11 17:59:50
    limits: none
    expect: { messages: [{ at: 17:59:50 }, { at: 17:59:50 }, { at: 17:59:50 }, { at: 17:59:50 }] }
`, "youmiflow.yaml", "timezone: Asia/Shanghai\nlimits: { account: { daily: 1 } }\n")
}

func TestWhatCannotEndIsSaid(t *testing.T) {
	require.Contains(t, fails(t, `
steps:
  - wait: { until: "false", every: 1h, for: 3650d }
`, `
tests:
  - { name: for ever, expect: { status: succeeded } }
`), "the run goes on and on: at 2027-02-")
	require.Contains(t, fails(t, `
steps:
  - id: ask
    approve: go on?
`, `
tests:
  - { name: nobody answers, expect: { status: succeeded } }
`), "+ running: waits for a person at ask; answer it under approvals")
	require.Contains(t, fails(t, `
params: { n: { type: integer, required: true } }
steps:
  - uses: assert
    with: { that: "${{ params.n > 3 }}", message: too small }
`, `
tests:
  - { name: why, params: { n: 1 }, expect: { counts: { succeeded: 1 } } }
`), "the run has failed: too small")
}

// A conversation that stays taken over fails every test that does not say otherwise.
func TestNoConversationMayStayTakenOver(t *testing.T) {
	const workflow = `
steps:
  - id: hold
    uses: takeover.apply
    with: { account: "1", friend: f1, reason: test }
`
	require.Contains(t, fails(t, workflow, `
tests:
  - { name: stuck, faults: ["endTakeOver:http=500"], expect: { status: succeeded } }
`), "takeovers\n- none\n+ 1 still speaks with f1, since 10:00:00")
	passes(t, workflow, `
tests:
  - { name: known, faults: ["endTakeOver:http=500"], expect: { status: succeeded, takeovers: any } }
`)
}
