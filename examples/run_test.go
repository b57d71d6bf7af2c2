package examples_test

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
	"pgregory.net/rapid"

	"youmiflow/internal/cli"
)

// planned and done are what the tests read of the documented results of plan and run.
type planned struct {
	Items struct {
		Total, Selected int
		Skipped         map[string]int
	}
	Calls struct {
		ByOperation map[string]int `json:"by_operation"`
		ByAccount   map[string]int `json:"by_account"`
	}
}

type done struct {
	ID, Status string
	Counts     map[string]int
	Calls      map[string]int
	Takeovers  map[string]int
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	require.TestingT
	Helper()
}

// youmiflow runs a command on a project folder and decodes its JSON.
func youmiflow[T any](t failer, project string, arguments ...string) (value T) {
	t.Helper()
	var out, problems bytes.Buffer
	code := cli.Main(context.Background(), append([]string{"--project", project, "--quiet"}, append(arguments, "--output", "json")...),
		cli.Environment{Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false }})
	require.Zero(t, code, "%v: %s", arguments, &problems)
	require.NoError(t, json.Unmarshal(out.Bytes(), &value), out.String())
	return value
}

// agree plans and runs a workflow of a project in the sandbox, and compares every count.
func agree(t failer, project, file string) (planned, done) {
	t.Helper()
	plan := youmiflow[planned](t, project, "plan", file)
	run := youmiflow[done](t, project, "run", file, "--sandbox")
	require.Equal(t, "succeeded", run.Status)
	require.Equal(t, plan.Items.Total, run.Counts["total"])
	require.Equal(t, plan.Items.Selected, run.Counts["succeeded"])
	require.Equal(t, plan.Items.Total-plan.Items.Selected, run.Counts["skipped"])
	require.Zero(t, run.Takeovers["held"]+run.Takeovers["stuck"])

	skipped := map[string]int{}
	for _, item := range youmiflow[[]struct{ Status, Reason string }](t, project, "runs", "items", run.ID) {
		if item.Status == "skipped" {
			skipped[item.Reason]++
		}
	}
	require.Equal(t, plan.Items.Skipped, skipped)
	operations, accounts := map[string]int{}, map[string]int{}
	type call struct {
		Operation, Account, Step, State, Code, Message string
		Attempt                                        int
	}
	var failed []call
	for _, call := range youmiflow[[]call](t, project, "runs", "calls", run.ID) {
		if call.Code == "late" { // on a slow machine its turn may pass before it leaves; it takes the next
			continue
		}
		operations[call.Operation]++
		accounts[call.Account]++
		if call.State != "succeeded" {
			failed = append(failed, call)
		}
	}
	require.Equal(t, plan.Calls.ByOperation, operations, "%+v", failed)
	require.Equal(t, plan.Calls.ByAccount, accounts)
	return plan, run
}

// copyExample copies the folder of an example without the limits that would make a test slow.
func copyExample(t *testing.T, file string) (project, name string) {
	t.Helper()
	project = t.TempDir()
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == "youmiflow.yaml" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), entry.Name()))
		require.NoError(t, err)
		if entry.Name() == "campaign.yaml" {
			text = bytes.Replace(text, []byte("rate: 10/s\n    gap: 80ms..160ms"), []byte("rate: 1000/s"), 1)
		}
		require.NoError(t, os.WriteFile(filepath.Join(project, entry.Name()), text, 0o600))
	}
	return project, filepath.Join(project, filepath.Base(file))
}

// Each example runs against the sandbox, and does just what its plan says.
func TestEveryExampleDoesWhatItsPlanSays(t *testing.T) {
	for _, file := range files(t) {
		t.Run(file, func(t *testing.T) {
			project, name := copyExample(t, file)
			plan, run := agree(t, project, name)
			if file == filepath.Join("double11", "campaign.yaml") {
				doubleEleven(t, plan, run)
			}
		})
	}
}

// The numbers that the example's README promises.
func doubleEleven(t *testing.T, plan planned, run done) {
	t.Helper()
	require.Equal(t, map[string]int{"where is false": 440, "duplicate key": 37, "empty key": 23}, plan.Items.Skipped)
	require.Equal(t, map[string]int{"applyTakeOver": 1500, "doSendPublicMes": 1800, "endTakeOver": 1500}, plan.Calls.ByOperation)
	require.Len(t, plan.Calls.ByAccount, 20)
	require.Equal(t, map[string]int{"total": 2000, "succeeded": 1500, "skipped": 500, "failed": 0, "unknown": 0, "cancelled": 0, "pending": 0, "held": 0}, run.Counts)
	require.Equal(t, map[string]int{"total": 4800, "succeeded": 4800, "failed": 0, "unknown": 0}, run.Calls)
	require.Equal(t, map[string]int{"held": 0, "ended": 1500, "stuck": 0}, run.Takeovers)
}

// Whatever the list looks like and whatever the conditions are, a run does what the plan said.
func TestRunDoesWhatThePlanSaid(t *testing.T) {
	dir := t.TempDir()
	number := 0
	rapid.Check(t, func(t *rapid.T) {
		number++
		project := filepath.Join(dir, fmt.Sprint(number))
		require.NoError(t, os.Mkdir(project, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(project, "list.csv"), []byte(drawList(t)), 0o600))
		file := filepath.Join(project, "drawn.yaml")
		require.NoError(t, os.WriteFile(file, []byte(drawWorkflow(t)), 0o600))
		agree(t, project, file)
	})
}

func drawList(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("account,friend,tier\n")
	for range rapid.IntRange(0, 30).Draw(t, "rows") {
		friend := ""
		if n := rapid.IntRange(0, 12).Draw(t, "friend"); n > 0 {
			friend = fmt.Sprintf("友%d", n)
		}
		fmt.Fprintf(&b, "%d,%s,%s\n", rapid.IntRange(1, 3).Draw(t, "account"), friend,
			rapid.SampledFrom([]string{"gold", "vip", "silver", ""}).Draw(t, "tier"))
	}
	return b.String()
}

func drawWorkflow(t *rapid.T) string {
	condition := func(name string) string {
		return rapid.SampledFrom([]string{"true", "false", `row.tier == "vip"`, `row.tier in ["gold", "vip"]`, `len(row.friend) > 4`}).Draw(t, name)
	}
	return fmt.Sprintf(`
steps:
  - id: list
    uses: audience.file
    with: { path: list.csv }
  - id: reach
    if: %s
    foreach: { in: "${{ steps.list.rows }}", as: row, key: row.friend, where: '%s' }
    steps:
      - id: hold
        if: '%s'
        uses: takeover.apply
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}" }
      - uses: message.send
        if: '%s'
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}", text: "${{ row.tier }}!" }
      - steps:
          - uses: log
            with: { message: "${{ row.tier }}" }
        if: '%s'
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`, rapid.SampledFrom([]string{"true", "true", "true", "false"}).Draw(t, "loop"), condition("where"), condition("hold"), condition("send"), condition("group"))
}
