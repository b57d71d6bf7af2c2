package limit

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// BenchmarkPlan walks a campaign as a plan does: accounts in turn, three calls for each customer, the clock with them.
func BenchmarkPlan(b *testing.B) {
	byAccount := program(b, "call.account", expression.String)
	messages := program(b, `call.effect == "message"`, expression.Bool)
	account := workflows.Limit{Name: "account", By: byAccount, Match: messages, Rate: perMinute(20)}
	full := workflows.Limit{Name: "account", By: byAccount, Match: messages, Rate: perMinute(12), GapMin: 3 * time.Second, GapMax: 8 * time.Second,
		Hourly: 120, Daily: 300, RestAfter: 30, RestMin: 2 * time.Minute, RestMax: 5 * time.Minute, WarmUp: []int{50, 100, 200}}
	tenant := workflows.Limit{Name: "tenant", Rate: perSecond(20), Burst: 5}
	customer := customers(b, 2, 7*day, "")
	customer.Match = messages
	for _, bench := range []struct {
		name   string
		limits []*workflows.Limit
	}{
		{"tenant", []*workflows.Limit{&tenant}},
		{"account+tenant+cap", []*workflows.Limit{&account, &tenant, customer}},
		{"everything", []*workflows.Limit{&full, &tenant, customer}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			const lanes = 20
			var at [lanes]time.Time
			accounts := [lanes]string{}
			for i := range lanes {
				at[i], accounts[i] = start, fmt.Sprint("account-", i)
			}
			now := start
			store := NewMemoryStore()
			l := New(Config{Store: store, Shared: bench.limits, Now: func() time.Time { return now }})
			operations := []string{"apply", "send", "end"}
			effects := []workflows.Effect{workflows.EffectIdempotent, workflows.EffectMessage, workflows.EffectIdempotent}
			before := heap()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				lane := n / 3 % lanes
				customer := n / 3
				call := engine.LimitedCall{Account: accounts[lane], Operation: operations[n%3], Effect: effects[n%3], Seed: uint64(n)}
				if n%3 == 1 {
					call.Friend, call.Contact = fmt.Sprint("wxid_demo", customer), fmt.Sprint("run/reach/", customer)
				}
				now = at[lane]
				slot, err := l.Reserve(b.Context(), call, nil)
				require.NoError(b, err)
				if slot.At.After(now) {
					at[lane] = slot.At
				}
				n++
			}
			b.ReportMetric(float64(heap()-before)/float64(n/3+1), "B/customer")
			b.ReportMetric(float64(len(store.full)), "rows")
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
