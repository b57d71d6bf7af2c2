package engine_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// talking is a workflow that sends several messages to each of so many customers of so many accounts, in a conversation.
func talking(keys string, accounts, rows, messages int) string {
	var b strings.Builder
	b.WriteString("name: talking\n" + keys + "\nsteps:\n  - id: reach\n    foreach:\n      as: who\n      key: who.friend\n      in:\n")
	for i := range accounts * rows {
		fmt.Fprintf(&b, "        - { account: \"%d\", friend: f%d }\n", i%accounts, i)
	}
	b.WriteString("    steps:\n      - id: hold\n        uses: takeover.apply\n" +
		"        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\" }\n")
	for i := range messages {
		fmt.Fprintf(&b, "      - uses: message.send\n        with: { takeover: \"${{ steps.hold.takeover }}\", text: part %d }\n", i)
	}
	b.WriteString("    finally:\n      - uses: takeover.end\n        with: { takeover: \"${{ steps.hold.takeover }}\" }\n")
	return b.String()
}

// mostOpen is how many conversations of one account were open at a time, at the most, as the calls say.
func mostOpen(calls []engine.Call) int {
	type change struct {
		at time.Time
		by int
	}
	changes := map[string][]change{}
	for _, call := range calls {
		switch {
		case call.State != engine.CallSucceeded:
		case strings.HasPrefix(call.Operation, "applyTakeOver"):
			changes[call.Account] = append(changes[call.Account], change{call.StartedAt, 1})
		case strings.HasPrefix(call.Operation, "endTakeOver"):
			changes[call.Account] = append(changes[call.Account], change{call.FinishedAt, -1})
		}
	}
	most := 0
	for _, list := range changes {
		sort.SliceStable(list, func(i, j int) bool {
			return list[i].at.Before(list[j].at) || list[i].at.Equal(list[j].at) && list[i].by < list[j].by
		})
		open := 0
		for _, one := range list {
			open += one.by
			most = max(most, open)
		}
	}
	return most
}

// holding runs a test with a ledger that is not kept for long, since it is written thousands of times.
func holding(t *testing.T, config string, box sandbox.Config, test func(*testing.T, *rehearsal)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		box.Clock = time.Now
		r := rehearseWith(t, dir, config, box, nil, ledger.Off)
		defer func() { r.end() }()
		test(t, r)
	})
}

// A daemon that is stopped in order leaves nobody in a conversation, whenever that is, though most of its lanes wait for the
// next hour; and a lane whose account waits for its limit has two open at most.
func TestAStopInOrderHandsEverythingBack(t *testing.T) {
	accounts, rows, hourly, stops := 20, 150, 400, 12
	if testing.Short() {
		accounts, rows, hourly, stops = 4, 12, 20, 5
	}
	for _, took := range []string{"1ms", "1s"} {
		t.Run("a takeover takes "+took, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Log("seed", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			limits := fmt.Sprintf("limits: { account: { rate: 60/min, gap: 500ms..1500ms, hourly: %d } }", hourly)
			box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay:"+took)}}
			holding(t, limits, box, func(t *testing.T, r *rehearsal) {
				id := r.start(talking("", accounts, rows, 3))
				for range stops {
					time.Sleep(time.Duration(random.Int64N(int64(15 * time.Minute))))
					began := time.Now()
					r.close()
					require.Less(t, time.Since(began), 16*time.Second)
					require.Zero(t, r.box.Stats().OpenTakeovers)
					r.open()
					require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
				}
				run := r.until(id, time.Minute, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Len(t, r.box.Deliveries(), 3*accounts*rows)
				require.LessOrEqual(t, mostOpen(r.calls(id)), 2)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}
