package rehearsal

import (
	"context"
	"errors"
	"time"

	"youmiflow/engine"
)

// errDead is that of a process that has died: what it does is of no consequence.
var errDead = errors.New("the process of the test has died")

// mortality has the process of a test die at an instant, also in the middle of a call: nothing reaches the ledger from then
// on.
type mortality struct {
	clock *Clock
	at    time.Time // zero: it lives on
}

func (m *mortality) dead() bool { return !m.at.IsZero() && !m.clock.Now().Before(m.at) }

// of is a ledger that hears nothing of the dead.
func (m *mortality) of(ledger engine.Ledger) engine.Ledger { return mortalLedger{ledger, m} }

type mortalLedger struct {
	engine.Ledger
	mortality *mortality
}

// Append implements engine.Ledger.
func (l mortalLedger) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	if l.mortality.dead() {
		return lost{}
	}
	return l.Ledger.Append(ctx, entry)
}

// Seize implements engine.Ledger.
func (l mortalLedger) Seize(ctx context.Context, key engine.LaneKey) (engine.Lane, error) {
	if l.mortality.dead() {
		return engine.Lane{}, errDead
	}
	return l.Ledger.Seize(ctx, key)
}

type lost struct{}

// Wait implements engine.Receipt.
func (lost) Wait(context.Context) error { return errDead }

// living does something that the process does not survive when its time comes meanwhile.
func (p *play) living(do func() error) error {
	for _, moment := range p.Test.During[p.moments:] {
		if moment.Act == ActCrash {
			p.mortality.at = moment.At
			break
		}
	}
	defer func() { p.mortality.at = time.Time{} }()
	return do()
}
