package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"youmiflow/workflows"
)

// PacedRows is an audience that is read from the platform call by call, while its snapshot is taken. Such reads are not in
// the ledger: what they gave is, row by row, and a snapshot that was interrupted is taken again from the start. They keep
// the limits all the same.
type PacedRows interface {
	Rows
	// OpenPaced makes a reader that asks the pacer before each of its calls. Opening itself calls nobody.
	OpenPaced(ctx context.Context, pacer Pacer) (RowReader, error)
}

// Pacer lets the reads of an audience leave when the limits allow it.
type Pacer interface {
	// Await waits until notBefore, and until every limit that matches the request lets it leave. Its error says that
	// the run is to stop, or that the limits cannot be kept: it ends the reading and is returned as it is.
	Await(ctx context.Context, request Request, notBefore time.Time) error
	// Hold keeps back every call that shares a limit with the request, for as long as the platform asks for.
	Hold(ctx context.Context, request Request, pause time.Duration) error
}

func open(ctx context.Context, rows Rows, pacer Pacer) (RowReader, error) {
	if paced, ok := rows.(PacedRows); ok {
		return paced.OpenPaced(ctx, pacer)
	}
	return rows.Open(ctx)
}

// snapshotPacer paces the reads of a run's snapshot. It waits where it is, however long that takes: a snapshot cannot go
// on later where it stopped.
type snapshotPacer struct {
	scope *scope
	step  *workflows.Step
}

func (p *snapshotPacer) Await(ctx context.Context, request Request, notBefore time.Time) error {
	if err := p.wait(ctx, notBefore); err != nil {
		return err
	}
	slot, err := p.scope.engine.Limiter.Reserve(ctx, p.scope.limited(p.step.Path, request), p.scope.active.limits())
	if err != nil {
		return fmt.Errorf("taking a slot of the limits: %w", err)
	}
	return p.wait(ctx, slot.At)
}

func (p *snapshotPacer) Hold(ctx context.Context, request Request, pause time.Duration) error {
	call := p.scope.limited(p.step.Path, request)
	if err := p.scope.engine.Limiter.Hold(ctx, call, p.scope.active.limits(), p.scope.engine.Now().Add(pause)); err != nil {
		return fmt.Errorf("holding the limits after a request to slow down: %w", err)
	}
	return nil
}

// wait waits for an instant, or ends with the error that stops the snapshot.
func (p *snapshotPacer) wait(ctx context.Context, at time.Time) error {
	for {
		wanted, _, stop := p.scope.active.state()
		ending := p.scope.turn.leaving.ending()
		switch {
		case wanted == WantCancel:
			return errCancelled
		case wanted == WantPause || ending:
			return &suspended{}
		}
		pause := at.Sub(p.scope.engine.Now())
		if pause <= 0 {
			return nil
		}
		fired, stopTimer := p.scope.engine.Timer(pause)
		select {
		case <-fired:
		case <-stop:
		case <-p.scope.turn.leaving.end():
		case <-ctx.Done():
			stopTimer()
			return ctx.Err()
		}
		stopTimer()
	}
}

// stopsSnapshot reports an error that a Pacer gave because the run is to stop: it is nobody's fault.
func stopsSnapshot(err error) bool {
	_, stop := isSuspended(err)
	return stop || errors.Is(err, errCancelled)
}

// planPacer paces the reads that a plan makes of an audience. They are real calls, made now; the limits that a plan keeps
// are its own, so they hold among its reads and not against what other processes do.
type planPacer struct {
	planner *planner
	scope   *scope
	step    *workflows.Step
}

func (p *planPacer) Await(ctx context.Context, request Request, notBefore time.Time) error {
	if err := sleepUntil(ctx, notBefore); err != nil {
		return err
	}
	p.planner.clock.at = time.Now()
	slot, err := p.planner.engine.Limiter.Reserve(ctx, p.scope.limited(p.step.Path, request), p.planner.active.limits())
	if err != nil {
		return fmt.Errorf("taking a slot of the limits: %w", err)
	}
	return sleepUntil(ctx, slot.At)
}

func (p *planPacer) Hold(ctx context.Context, request Request, pause time.Duration) error {
	now := time.Now()
	p.planner.clock.at = now
	return p.planner.engine.Limiter.Hold(ctx, p.scope.limited(p.step.Path, request), p.planner.active.limits(), now.Add(pause))
}

// read makes a read of the run's own steps for real: it changes nothing, and what the plan shows may rest on it. The reads of
// items are assumed, as every other call is: there may be a million of them.
func (p *planner) read(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	pacer := &planPacer{p, s, step}
	if err := pacer.Await(ctx, *action.Request, time.Time{}); err != nil {
		return nil, err
	}
	return local(s.engine.clean(action.Perform(ctx))), nil
}

func sleepUntil(ctx context.Context, at time.Time) error {
	pause := time.Until(at)
	if pause <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
