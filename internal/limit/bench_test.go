package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

func BenchmarkReserve(b *testing.B) {
	fast := workflows.Rate{Count: 1_000_000, Per: time.Second}
	byAccount := program(b, "call.account", expression.String)
	messages := program(b, `call.effect == "message"`, expression.Bool)
	for _, bench := range []struct {
		name   string
		limits []*workflows.Limit
	}{
		{"none", nil},
		{"one", []*workflows.Limit{{Name: "tenant", Rate: fast}}},
		{"three", []*workflows.Limit{
			{Name: "tenant", Rate: fast},
			{Name: "account", By: byAccount, Match: messages, Rate: fast},
			{Name: "operation", By: program(b, "call.operation", expression.String), Rate: fast, Burst: 10},
		}},
		{"paced", []*workflows.Limit{{Name: "account", By: byAccount, Match: messages, Rate: perMinute(20), GapMin: time.Second, GapMax: 2 * time.Second, Hourly: 1000, Daily: 10_000}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l := New(Config{Store: NewMemoryStore(), Shared: bench.limits})
			call := engine.LimitedCall{Account: "a", Effect: "message", Operation: "send"}
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Reserve(b.Context(), call, nil)
				require.NoError(b, err)
			}
		})
	}
}
