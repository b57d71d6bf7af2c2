package ledger

import (
	"errors"
	"maps"

	"youmiflow/engine"
)

// group is one transaction of the writer.
type group struct {
	*session
	counts map[cell]int64 // what the transaction changes in tally
	wakes  []engine.Wake
}

// cell names a count.
type cell struct{ run, kind, step, status string }

// Kinds of counts.
const (
	countItems     = "item"
	countCalls     = "call"
	countTakeovers = "takeover"
)

// errRefused wraps the errors of entries that are refused before anything of them is done.
type errRefused struct{ error }

// apply does what the batch asks for. Its error is that of a statement; a refused entry has its own in pending.err.
func (g *group) apply(batch []*pending, careful bool) error {
	for _, p := range batch {
		p.err = nil
		var err error
		if careful {
			err = g.guarded(p)
		} else {
			err = g.one(p)
		}
		if refused := (errRefused{}); errors.As(err, &refused) {
			p.err = refused.error
		} else if err != nil {
			return err
		}
	}
	return g.keep()
}

// guarded does one entry such that its failure leaves the others be.
func (g *group) guarded(p *pending) error {
	counts, wakes := maps.Clone(g.counts), len(g.wakes)
	if _, err := g.exec("SAVEPOINT entry"); err != nil {
		return err
	}
	err := g.one(p)
	if err == nil || errors.As(err, &errRefused{}) {
		_, release := g.exec("RELEASE entry")
		return errors.Join(err, release)
	}
	if Passing(err) {
		return err
	}
	if _, back := g.exec("ROLLBACK TO entry"); back != nil {
		// SQLite gave up the whole transaction.
		return errors.Join(err, back)
	}
	if _, release := g.exec("RELEASE entry"); release != nil {
		return errors.Join(err, release)
	}
	g.counts, g.wakes = counts, g.wakes[:wakes]
	g.forget()
	return errRefused{entryError(err)}
}

// one does one entry. Everything that can refuse it is looked at before anything is done.
func (g *group) one(p *pending) error {
	if p.do != nil {
		return p.do(g)
	}
	if err := g.admit(p.entry); err != nil {
		return err
	}
	for _, change := range p.entry.Changes {
		if err := g.change(change); err != nil {
			return err
		}
	}
	return nil
}

// admit refuses an entry whose lane was taken over, and runs that are there already.
func (g *group) admit(entry engine.Entry) error {
	if entry.Fence != nil {
		epoch, found, err := g.epoch(entry.Fence.LaneKey)
		if err != nil {
			return err
		}
		if !found || epoch != entry.Fence.Epoch {
			return errRefused{engine.ErrStale}
		}
	}
	for _, change := range entry.Changes {
		switch change := change.(type) {
		case engine.AddRun:
			if err := g.admitRun(change.Run); err != nil {
				return err
			}
		case engine.SetRun:
			if err := g.admitWanted(change); err != nil {
				return err
			}
		case engine.Decide:
			if err := g.admitDecision(change); err != nil {
				return err
			}
		case engine.SetSchedule:
			if err := g.admitSchedule(change); err != nil {
				return err
			}
		case engine.RequireIdle:
			if err := g.admitIdle(change); err != nil {
				return err
			}
		case engine.RequireRoom:
			if err := g.admitRoom(change); err != nil {
				return err
			}
		case engine.RequireUnknown:
			if err := g.admitUnknown(change); err != nil {
				return err
			}
		}
	}
	return nil
}

// epoch reads the lane's epoch, once as long as nobody else writes.
func (g *group) epoch(key engine.LaneKey) (int64, bool, error) {
	if epoch, ok := g.epochs[key]; ok {
		return epoch, true, nil
	}
	row, err := g.row(`SELECT lane.epoch FROM lane JOIN series ON series.id = lane.series
		WHERE series.run = ? AND series.step = ? AND lane.name = ? AND lane.added = 1`, key.Run, key.Step, key.Lane)
	if err != nil || row == nil {
		return 0, false, err
	}
	g.epochs[key] = row.int(0)
	return row.int(0), true, nil
}

func (g *group) count(run, kind, step, status string, by int64) {
	g.counts[cell{run, kind, step, status}] += by
}

// keep writes what was gathered over the whole transaction.
func (g *group) keep() error {
	for at, by := range g.counts {
		if by == 0 {
			continue
		}
		if _, err := g.exec(`INSERT INTO tally (run, kind, step, status, n) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, at.run, at.kind, at.step, at.status, by); err != nil {
			return err
		}
	}
	return g.noteSettled()
}
