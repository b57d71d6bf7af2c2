package ledger

import (
	"context"
	"time"

	"youmiflow/workflows"
)

// Seen is an operating account that calls were made for.
type Seen struct {
	Connection string
	Sandbox    bool
	Account    string
	LastAt     time.Time // of the last call
	Messages   int       // since the instant that was asked for
}

// Seen lists the accounts that calls were made for since an instant, and how many messages each has sent, or may have
// sent, since another.
func (l *Ledger) Seen(ctx context.Context, since, today time.Time) ([]Seen, error) {
	return collect(ctx, l.read, func(row scanner) (Seen, error) {
		var s Seen
		var last int64
		err := row.Scan(&s.Connection, &s.Sandbox, &s.Account, &last, &s.Messages)
		s.LastAt = fromMicros(last)
		return s, err
	}, `SELECT run.connection, run.sandbox, call.account, max(call.started_at),
		sum(CASE WHEN call.started_at >= ? AND call_kind.effect = ? AND coalesce(call_outcome.state, '') <> 'failed' THEN 1 ELSE 0 END)
		FROM call JOIN call_kind ON call_kind.id = call.kind LEFT JOIN call_outcome ON call_outcome.ordinal = call.ordinal
		JOIN item ON item.id = call.item JOIN series ON series.id = item.series JOIN run ON run.id = series.run
		WHERE call.started_at >= ? AND call.account <> ''
		GROUP BY run.connection, run.sandbox, call.account ORDER BY run.connection, call.account, run.sandbox`,
		micros(today), string(workflows.EffectMessage), micros(since))
}
