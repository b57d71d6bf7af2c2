package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"youmiflow/workflows"
)

// codeTolerate is that of the error of a run which paused because too many of its items failed.
const codeTolerate = "tolerate"

// tolerance counts the failures of a foreach in this process.
type tolerance struct {
	mu       sync.Mutex
	base     int // when it began to count
	failures int
	size     int // items that it is a part of
	asked    bool
}

// tolerance returns that of a step.
func (a *activeRun) tolerance(step string) *tolerance {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tolerances == nil {
		a.tolerances = map[string]*tolerance{}
	}
	if a.tolerances[step] == nil {
		a.tolerances[step] = &tolerance{}
	}
	return a.tolerances[step]
}

// begin brings it to where the foreach is, and to what the ledger knows of failures, also those of other processes.
func (t *tolerance) begin(now course, failures int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base != now.Base {
		t.asked = false
	}
	t.base, t.size, t.failures = now.Base, now.Size, max(t.failures, failures)
}

// fail counts one more and reports, once, that there are more than the file tolerates.
func (t *tolerance) fail(share workflows.Share) (failures int, exceeded bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	return t.ask(share)
}

// again reports the same without another failure: the pause that it led to may not have come about.
func (t *tolerance) again(share workflows.Share) (failures int, exceeded bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ask(share)
}

func (t *tolerance) ask(share workflows.Share) (failures int, exceeded bool) {
	failures = t.failures - t.base
	exceeded = failures > share.Count
	if share.Count == 0 && share.Percent > 0 {
		exceeded = float64(failures)*100 > share.Percent*float64(t.size)
	}
	if !exceeded || t.asked {
		return failures, false
	}
	t.asked = true
	return failures, true
}

// forget has it ask again: nobody has learned of it.
func (t *tolerance) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = false
}

func shareText(share workflows.Share) string {
	if share.Percent > 0 {
		return fmt.Sprintf("%g%%", share.Percent)
	}
	return fmt.Sprint(share.Count)
}

// failed counts an item that failed, or whose outcome is unknown, and has the run pause when there are too many.
func (w *laneWork) failed(ctx context.Context) error {
	if w.step.Foreach.Tolerate == nil {
		return nil
	}
	failures, exceeded := w.active.tolerance(w.step.Path).fail(*w.step.Foreach.Tolerate)
	return w.pauseBeyond(ctx, failures, exceeded)
}

// stillTooMany pauses a run whose pause for that reason could not be written when it was due.
func (w *laneWork) stillTooMany(ctx context.Context) error {
	if wanted, _, _ := w.active.state(); w.step.Foreach.Tolerate == nil || wanted != WantRun {
		return nil
	}
	failures, exceeded := w.active.tolerance(w.step.Path).again(*w.step.Foreach.Tolerate)
	return w.pauseBeyond(ctx, failures, exceeded)
}

func (w *laneWork) pauseBeyond(ctx context.Context, failures int, exceeded bool) error {
	if !exceeded {
		return nil
	}
	of := fmt.Sprint(w.course.Size)
	if w.course.Wave > 0 {
		of += fmt.Sprintf(" of wave %d", w.course.Wave)
	}
	err := w.engine.pauseFor(ctx, w.active, &Failure{Code: codeTolerate, Message: fmt.Sprintf(
		"%d items of %s have failed or are unknown, more than the %s that it tolerates; look at them, then go on with: youmiflow runs resume %s",
		failures, of, shareText(*w.step.Foreach.Tolerate), w.active.run.ID)})
	if err != nil {
		w.active.tolerance(w.step.Path).forget()
	}
	return err
}

// pauseFor has a run pause on its own, for a reason that a person has to look at. While that is written down no call leaves.
func (e *Engine) pauseFor(ctx context.Context, active *activeRun, why *Failure) error {
	defer active.deciding()()
	wakes, err := e.wakes(ctx, active.run.ID)
	if err != nil {
		return err
	}
	wanted := WantPause
	err = e.commit(ctx, append(wakes, SetRun{ID: active.run.ID, Wanted: &wanted, Error: why})...)
	if errors.Is(err, ErrOver) {
		return nil // it is being cancelled
	}
	if err != nil {
		return fmt.Errorf("pausing the run: %w", err)
	}
	active.want(WantPause)
	return nil
}

// deciding has the calls of the run wait before they leave, until what it returns is called.
func (a *activeRun) deciding() (decided func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decisions == 0 {
		a.decision = make(chan struct{})
	}
	a.decisions++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.decisions--; a.decisions == 0 {
			close(a.decision)
			a.decision = nil
		}
	}
}

// decided waits until it is known whether the run pauses.
func (a *activeRun) decided(ctx context.Context) error {
	a.mu.Lock()
	decision := a.decision
	a.mu.Unlock()
	if decision == nil {
		return nil
	}
	select {
	case <-decision:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forgive has the tolerances of a run that is at rest count afresh: whoever resumes it has seen what failed.
func (e *Engine) forgive(ctx context.Context, s *scope) error {
	rows, err := e.Ledger.Steps(ctx, s.active.run.ID)
	if err != nil {
		return fmt.Errorf("reading the run's steps: %w", err)
	}
	for _, row := range rows {
		step := findStep(s.active.workflow, row.Path)
		if step == nil || step.Foreach.Tolerate == nil || row.Status != StatusRunning {
			continue
		}
		counts, err := e.Ledger.Counts(ctx, s.active.run.ID, step.Path)
		if err != nil {
			return fmt.Errorf("counting the items of %s: %w", step.Path, err)
		}
		now, err := readCourse(row)
		if err != nil {
			return err
		}
		now.Base = counts[StatusFailed] + counts[StatusUnknown]
		change, err := now.row(s.active.run.ID, step.Path)
		if err != nil {
			return err
		}
		if err := e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{change}}).Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
