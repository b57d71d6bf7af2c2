package ledger_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

func openBench(b *testing.B) *ledger.Ledger {
	b.Helper()
	l, err := ledger.Open(context.Background(), ledger.Config{DSN: filepath.Join(b.TempDir(), "ledger.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, l.Close()) })
	return l
}

func addRun(b *testing.B, l *ledger.Ledger) {
	b.Helper()
	run := engine.Run{ID: "01920000-0000-7000-8000-000000000001", Workflow: "w", Trigger: "manual", Foreach: true, Status: engine.StatusRunning}
	require.NoError(b, l.Append(context.Background(), engine.Entry{Changes: []engine.Change{engine.AddRun{Run: run}}}).Wait(context.Background()))
}

func snapshot(n int) engine.AddItems {
	add := engine.AddItems{Run: "01920000-0000-7000-8000-000000000001", Step: "send", Items: make([]engine.Item, 0, n)}
	return add
}

func item(i int) engine.Item {
	return engine.Item{
		Sequence: int64(i), Row: i + 2, Key: fmt.Sprintf("wxid_%09d", i*7919%100000007), Lane: fmt.Sprintf("acc%02d", i%20),
		Data: []byte(`{"name":"张三","friend":"wxid_123456","account":"acc1","city":"上海"}`), Status: engine.StatusPending,
	}
}

// fill adds n items in batches of a thousand, as the engine does.
func fill(b *testing.B, l *ledger.Ledger, n int) {
	b.Helper()
	ctx := context.Background()
	for i := 0; i < n; {
		add := snapshot(1000)
		for ; i < n && len(add.Items) < 1000; i++ {
			add.Items = append(add.Items, item(i))
		}
		require.NoError(b, l.Append(ctx, engine.Entry{Changes: []engine.Change{add}}).Wait(ctx))
	}
	require.NoError(b, l.Append(ctx, engine.Entry{Changes: []engine.Change{engine.AddLanes{Run: add().Run, Step: "send"}}}).Wait(ctx))
}

func add() engine.AddItems { return snapshot(0) }

// BenchmarkSnapshot measures rows of an audience: one op is one row.
func BenchmarkSnapshot(b *testing.B) {
	l := openBench(b)
	addRun(b, l)
	b.ResetTimer()
	fill(b, l, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkItems measures how items are read, one op being one item: all of a run, and lane by lane, as they are worked on.
func BenchmarkItems(b *testing.B) {
	run, step := add().Run, add().Step
	lanes := make([]engine.ItemFilter, 20)
	for i := range lanes {
		lane := fmt.Sprintf("acc%02d", i)
		lanes[i] = engine.ItemFilter{Run: run, Step: &step, Lane: &lane, Statuses: []engine.Status{engine.StatusPending, engine.StatusHeld}}
	}
	for name, filters := range map[string][]engine.ItemFilter{"all": {{Run: run}}, "lanes": lanes} {
		b.Run(name, func(b *testing.B) {
			l := openBench(b)
			addRun(b, l)
			fill(b, l, b.N)
			b.ResetTimer()
			before, n := cpu(b), 0
			for _, filter := range filters {
				for _, err := range l.Items(b.Context(), filter) {
					require.NoError(b, err)
					n++
				}
			}
			require.Equal(b, b.N, n)
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkHotPath measures one message: its intent, then its outcome with the item's. 128 goroutines at once.
func BenchmarkHotPath(b *testing.B) {
	l := openBench(b)
	addRun(b, l)
	fill(b, l, b.N)
	ctx := context.Background()
	run := add().Run
	fences := make([]engine.Fence, 20)
	for i := range fences {
		key := engine.LaneKey{Run: run, Step: "send", Lane: fmt.Sprintf("acc%02d", i)}
		if i < b.N {
			lane, err := l.Seize(ctx, key)
			require.NoError(b, err)
			fences[i] = engine.Fence{LaneKey: key, Epoch: lane.Epoch}
		}
	}
	request := []byte(`{"WechatId":"acc1","ToUserName":"wxid_123","Content":"` + strings.Repeat("x", 300) + `"}`)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	before := cpu(b)
	for range 128 {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				message(b, l, run, i+1, &fences[(i-1)%20], request)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func message(b *testing.B, l *ledger.Ledger, run string, id int64, fence *engine.Fence, request []byte) {
	ctx := context.Background()
	key := engine.CallKey{Item: id, Step: "text", Attempt: 1}
	if err := l.Append(ctx, engine.Entry{Fence: fence, Changes: []engine.Change{engine.AddCall{Call: engine.Call{
		CallKey: key, Run: run, Operation: "doSendPublicMes", Effect: "message", Account: "acc1", Friend: "wxid_123",
		Request: request, State: engine.CallIntent, StartedAt: time.Now(),
	}}}}).Wait(ctx); err != nil {
		b.Error(err)
	}
	if err := l.Append(ctx, engine.Entry{Fence: fence, Changes: []engine.Change{
		engine.SetCall{CallKey: key, Run: run, State: engine.CallSucceeded, Code: "0", RequestID: "req-12345678", TaskID: "task-1234567", FinishedAt: time.Now()},
		engine.SetItem{ID: id, Run: run, Step: "send", From: engine.StatusPending, To: engine.StatusSucceeded, Progress: []byte(`{"text":{"task_id":"1234567"}}`)},
	}}).Wait(ctx); err != nil {
		b.Error(err)
	}
}

// cpu is the time the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
