package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/ledger/ledgertest"
)

// crashEnv has the test binary be the process that is killed: its value is the ledger's path and the round.
const (
	crashEnv      = "YOUMIFLOW_TEST_CRASH_LEDGER"
	crashRoundEnv = "YOUMIFLOW_TEST_CRASH_ROUND"
	crashItems    = 6000
	crashRounds   = 4
)

// appendUntilKilled works on items with many goroutines, and says so once something is durable: "i 7" for the intent
// of item 7, "o 7" for its outcome. A line is one write, which a pipe keeps whole.
func appendUntilKilled() {
	round, err := strconv.Atoi(os.Getenv(crashRoundEnv))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Config{DSN: os.Getenv(crashEnv)})
	if err != nil {
		log.Fatal(err)
	}
	var wg sync.WaitGroup
	items := make(chan int64)
	for range 32 {
		wg.Go(func() {
			for id := range items {
				workUntilKilled(l, id, round)
			}
		})
	}
	for item, err := range l.Items(ctx, engine.ItemFilter{Run: "r", Statuses: []engine.Status{engine.StatusPending}}) {
		if err != nil {
			log.Fatal(err)
		}
		items <- item.ID
	}
	close(items)
	wg.Wait()
}

func workUntilKilled(l *ledger.Ledger, id int64, round int) {
	key := engine.CallKey{Item: id, Step: "s", Attempt: round}
	for _, step := range []struct {
		said    string
		changes []engine.Change
	}{
		{"i", []engine.Change{engine.AddCall{Call: engine.Call{CallKey: key, Run: "r", State: engine.CallIntent}}}},
		{"o", []engine.Change{
			engine.SetCall{CallKey: key, Run: "r", State: engine.CallSucceeded},
			engine.SetItem{ID: id, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded},
		}},
	} {
		if err := l.Append(context.Background(), engine.Entry{Changes: step.changes}).Wait(context.Background()); err != nil {
			log.Fatal(err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "%s %d\n", step.said, id); err != nil {
			log.Fatal(err)
		}
	}
}

func TestNothingAcknowledgedIsLostToKill9(t *testing.T) {
	path, seed := newPath(t), uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	l := open(t, path)
	add := engine.AddItems{Run: "r", Step: "each"}
	for i := range crashItems {
		add.Items = append(add.Items, engine.Item{Sequence: int64(i), Key: strconv.Itoa(i), Status: engine.StatusPending})
	}
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Foreach: true}}, add)
	require.NoError(t, l.Close())
	acknowledged := 0
	for round := 1; round <= crashRounds; round++ {
		said := killAfter(t, path, round, 1+random.IntN(crashItems/crashRounds))
		acknowledged += len(said)
		l := open(t, path)
		for line := range said {
			requireKept(t, l, line, round)
		}
		ledgertest.CountsEqualRows(t, l, "r")
		require.NoError(t, l.Close())
	}
	t.Logf("%d acknowledged entries", acknowledged)
}

// killAfter runs a process on the ledger, kills it after that many lines, and returns all that it said.
func killAfter(t *testing.T, path string, round, lines int) map[string]bool {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+path, crashRoundEnv+"="+strconv.Itoa(round))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	said := map[string]bool{}
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		said[scanner.Text()] = true
		if len(said) == lines {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was to be killed at work")
	return said
}

func requireKept(t *testing.T, l *ledger.Ledger, line string, round int) {
	t.Helper()
	var what string
	var id int64
	_, err := fmt.Sscanf(line, "%s %d", &what, &id)
	require.NoError(t, err)
	found := false
	for call, err := range l.Calls(t.Context(), engine.CallFilter{Item: id}) {
		require.NoError(t, err)
		if call.Attempt == round {
			found = what == "i" || call.State == engine.CallSucceeded
		}
	}
	require.True(t, found, "%q was acknowledged in round %d", line, round)
	if what == "o" {
		for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: "r", AfterID: id - 1, Limit: 1}) {
			require.NoError(t, err)
			require.Equal(t, engine.StatusSucceeded, item.Status)
		}
	}
}

func commit(t *testing.T, l *ledger.Ledger, changes ...engine.Change) {
	t.Helper()
	require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: changes}).Wait(t.Context()))
}
