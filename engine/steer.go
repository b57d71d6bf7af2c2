package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// StateError says that a run is not in a state in which that can be done.
type StateError struct {
	Run    string
	Status Status
	Want   string
}

func (s *StateError) Error() string {
	return fmt.Sprintf("run %s is %s and cannot be %s", s.Run, s.Status, s.Want)
}

// Pause has a run stop, and those that it has called: calls in flight are finished, conversations handed back, the rest
// waits for Resume. It stays so until somebody resumes it, whatever it was paused for before. *StateError.
func (e *Engine) Pause(ctx context.Context, id string) error {
	return e.request(ctx, id, demand{wanted: WantPause, word: "paused"})
}

// Resume has a paused or interrupted run go on, and with it those that it has called and that were paused with it; one that
// was paused for itself stays so. *StateError.
func (e *Engine) Resume(ctx context.Context, id string) error {
	return e.resume(ctx, id, e.Now().Add(restWithin), nil)
}

// Cancel has a run end, and those that it has called: items that were begun run their finally, the others are cancelled.
// *StateError.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	running := StatusRunning
	return e.request(ctx, id, demand{wanted: WantCancel, word: "cancelled", status: &running})
}

// restWithin bounds how long a resume waits for a pause to hand conversations back.
const restWithin = time.Minute

// resume has a run go on, once it has come to rest or the limit has passed. With when, it is as in demand.
func (e *Engine) resume(ctx context.Context, id string, limit time.Time, when func(Run) bool) error {
	if err := e.awaitRest(ctx, id, limit); err != nil {
		return err
	}
	running := StatusRunning
	wish := demand{wanted: WantRun, word: "resumed", status: &running, problem: &Failure{}, when: when}
	if err := e.request(ctx, id, wish); err != nil {
		return err
	}
	return e.resumeChildren(ctx, id, limit)
}

// awaitRest waits while a pause hands conversations back: an item must not be worked on from two sides.
func (e *Engine) awaitRest(ctx context.Context, id string, limit time.Time) error {
	tick := time.NewTicker(settling)
	defer tick.Stop()
	for {
		run, err := e.Ledger.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		if !run.comingToRest() || e.Now().After(limit) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// comingToRest reports whether the run is being paused, and something of it is under way still.
func (r Run) comingToRest() bool { return r.Wanted == WantPause && r.Status == StatusRunning }

// demand is what is asked of a run.
type demand struct {
	wanted  Wanted
	word    string // what the run is to be, for a *StateError
	status  *Status
	problem *Failure // why; an empty one takes away the last
	// when, unless nil, says which runs it is meant for; any other is left alone (ErrChanged).
	when func(Run) bool
}

// request asks for something of a run, as long as that is asked for what was seen of it: who asked for something else
// meanwhile may be a person, whose word must not be lost.
func (e *Engine) request(ctx context.Context, id string, wish demand) error {
	for {
		run, err := e.Ledger.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		if run.Status.Over() {
			return &StateError{Run: id, Status: run.Status, Want: wish.word}
		}
		if wish.when != nil && !wish.when(run) {
			return fmt.Errorf("run %s cannot be %s: %w", id, wish.word, ErrChanged)
		}
		err = e.demand(ctx, run, wish)
		if errors.Is(err, ErrChanged) {
			continue // it may still be meant for the run
		}
		return err
	}
}

// demand asks for something of a run that is asked for the same as when it was read. ErrChanged.
func (e *Engine) demand(ctx context.Context, run Run, wish demand) error {
	wakes, err := e.wakes(ctx, run.ID)
	if err != nil {
		return err
	}
	if wish.problem == nil && (run.Interrupted() || run.pausedWithParent()) {
		wish.problem = &Failure{} // somebody wants it that way now, whatever it was paused for
	}
	if wish.wanted == WantRun && run.StartedAt.IsZero() {
		pending := StatusPending
		wish.status = &pending // it waits again for what it waited for
	}
	asked := run.Asked()
	change := SetRun{ID: run.ID, If: &asked, Wanted: &wish.wanted, Status: wish.status, Error: wish.problem}
	err = e.commit(ctx, append(wakes, change)...)
	if errors.Is(err, ErrOver) {
		return &StateError{Run: run.ID, Status: "over or being cancelled", Want: wish.word}
	}
	if err != nil {
		return fmt.Errorf("asking for run %s to be %s: %w", run.ID, wish.word, err)
	}
	e.mu.Lock()
	active := e.active[run.ID]
	e.mu.Unlock()
	if active != nil {
		active.want(wish.wanted)
	}
	return nil
}

// wakes has every lane of a run looked at.
func (e *Engine) wakes(ctx context.Context, id string) ([]Change, error) {
	changes := []Change{Wake{LaneKey: LaneKey{Run: id}}}
	rows, err := e.Ledger.Steps(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", id, err)
	}
	for _, row := range rows {
		lanes, err := e.Ledger.Lanes(ctx, id, row.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the lanes of run %s: %w", id, err)
		}
		for _, lane := range lanes {
			if !lane.Done {
				changes = append(changes, Wake{LaneKey: lane.LaneKey})
			}
		}
	}
	return changes, nil
}
