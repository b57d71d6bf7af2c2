package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"youmiflow/workflows"
)

// PauseSchedule has a trigger start no runs, or with "" no trigger of the workflow, until ResumeSchedule. It holds for the
// daemon of another process within a second.
func (e *Engine) PauseSchedule(ctx context.Context, workflow, trigger, who string) error {
	return e.setPaused(ctx, workflow, trigger, who, true)
}

// ResumeSchedule ends a PauseSchedule of the same words. Instants that have passed meanwhile are forgotten.
func (e *Engine) ResumeSchedule(ctx context.Context, workflow, trigger, who string) error {
	return e.setPaused(ctx, workflow, trigger, who, false)
}

func (e *Engine) setPaused(ctx context.Context, workflow, trigger, who string, paused bool) error {
	err := e.commit(ctx, PauseSchedule{Workflow: workflow, Trigger: trigger, Paused: paused, At: e.Now(), Who: who})
	if err != nil {
		return fmt.Errorf("keeping whether the schedule of %s is paused: %w", workflow, err)
	}
	return nil
}

// Triggered is the run of now that a trigger of a schedule would start: a manual one, with the trigger's params.
func (e *Engine) Triggered(planned Planned, trigger *workflows.Trigger, sandbox bool) (Submission, error) {
	workflow, err := planned.Workflow.Open()
	if err != nil {
		return Submission{}, err
	}
	submission, err := e.triggered(workflow, planned.Commit, trigger, e.Now(), nil)
	submission.Sandbox = sandbox
	return submission, err
}

// SkippedError says why a trigger was not run now: its overlap does not let it. It is an ErrBusy.
type SkippedError struct {
	Workflow string
	Overlap  workflows.Overlap
	Reason   string
	Run      Run // that is in the way; its ID is "" when it has ended meanwhile
}

// Error names the run that is in the way.
func (s *SkippedError) Error() string {
	return fmt.Sprintf("no run of %s was started: %s, and the overlap is %s", s.Workflow, s.Reason, s.Overlap)
}

// Is reports that another run goes on.
func (s *SkippedError) Is(target error) bool { return target == ErrBusy }

// StartTriggered adds a run that Triggered has made, as overlap says while another run of the workflow is not over: the same
// words as of a trigger. The error is a *SkippedError when there is to be no run. A run that is Queued waits for those that it
// finds, which Ahead names.
func (e *Engine) StartTriggered(ctx context.Context, submission Submission, overlap workflows.Overlap) (Run, error) {
	run, err := e.overlapping(ctx, submission, overlap)
	skip := (*skippedFire)(nil)
	if !errors.As(err, &skip) {
		return run, err
	}
	skipped := &SkippedError{Workflow: submission.Workflow.Name, Overlap: overlap, Reason: skip.reason}
	open, err := e.openRuns(ctx, submission.Workflow.Name, submission.Sandbox)
	if err != nil {
		return Run{}, err
	}
	if len(open) > 0 && overlap != workflows.OverlapQueue {
		skipped.Run = open[0]
		skipped.Reason = fmt.Sprintf("run %s is %s", open[0].ID, open[0].Status)
	}
	return Run{}, skipped
}

// Ahead are the runs for which a queued run waits, the next to end first: none when it waits for none.
func Ahead(ctx context.Context, ledger Ledger, run Run) ([]Run, error) {
	if !run.Queued {
		return nil, nil
	}
	open, err := openRuns(ctx, ledger, run.Workflow, run.Sandbox)
	if err != nil {
		return nil, err
	}
	place := slices.IndexFunc(open, func(other Run) bool { return other.ID == run.ID })
	ahead := open[place+1:] // all of them where the run itself is over
	slices.Reverse(ahead)
	return ahead, nil
}

// Upcoming is an instant to come of a trigger.
type Upcoming struct {
	Workflow, Trigger string
	At                time.Time
}

// UpcomingFires are the next instants after a time, at most so many of each trigger, soonest first. What is paused, and what
// overlap will make of them, is not looked at.
func UpcomingFires(list []Planned, project *time.Location, after time.Time, count int) ([]Upcoming, error) {
	upcoming := []Upcoming{}
	for _, planned := range list {
		if planned.Workflow == nil {
			continue
		}
		for _, trigger := range planned.Workflow.Triggers {
			instants, err := instantsOf(planned, trigger, project, after, time.Time{}, count)
			if err != nil {
				return nil, err
			}
			for _, at := range instants {
				upcoming = append(upcoming, Upcoming{planned.Name, trigger.Name, at})
			}
		}
	}
	slices.SortStableFunc(upcoming, func(a, b Upcoming) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return strings.Compare(a.Workflow, b.Workflow)
	})
	return upcoming, nil
}

// instantsOf are the instants of a trigger after a time, up to another (zero: for ever), at most so many.
func instantsOf(planned Planned, trigger *workflows.Trigger, project *time.Location, after, upTo time.Time, most int) ([]time.Time, error) {
	w, err := newWatch(planned, trigger, project)
	if w == nil {
		return nil, err
	}
	var instants []time.Time
	for at := w.after(after); len(instants) < most && !at.IsZero() && (upTo.IsZero() || !at.After(upTo)); at = w.after(at) {
		instants = append(instants, at)
	}
	return instants, nil
}

// MostBackfilled bounds one backfill.
const MostBackfilled = 1000

// BackfillError says why a span cannot be made up for.
type BackfillError struct{ Reason string }

func (b *BackfillError) Error() string { return b.Reason }

// Backfill says which instants of a trigger a backfill of the span would start runs for, both ends included, and which of
// the span have had their run. It changes nothing. The error is a *BackfillError when there is nothing to be done.
func (e *Engine) Backfill(ctx context.Context, planned Planned, trigger *workflows.Trigger, from, to time.Time, sandbox bool) (open, had []time.Time, err error) {
	if to.After(e.Now()) {
		return nil, nil, &BackfillError{fmt.Sprintf("%s is yet to come: what has not been missed is not made up for", to.Format(time.RFC3339))}
	}
	instants, err := instantsOf(planned, trigger, e.Location, from.Add(-time.Nanosecond), to, MostBackfilled+1)
	if err != nil {
		return nil, nil, err
	}
	if len(instants) > MostBackfilled {
		return nil, nil, &BackfillError{fmt.Sprintf("there are more than %d instants in that span: make up for a shorter one", MostBackfilled)}
	}
	for _, at := range instants {
		switch _, err := e.Ledger.Run(ctx, fireID(planned.Name, at, sandbox)); {
		case err == nil:
			had = append(had, at)
		case errors.Is(err, ErrNotFound):
			open = append(open, at)
		default:
			return nil, nil, err
		}
	}
	switch {
	case len(instants) == 0:
		err = &BackfillError{fmt.Sprintf("the trigger %s of %s has no instant from %s to %s", trigger.Name, planned.Name,
			from.Format(time.RFC3339), to.Format(time.RFC3339))}
	case len(open) == 0:
		err = &BackfillError{"every instant of that span has had its run"}
	}
	return open, had, err
}

// MakeUp adds a run for an instant that Backfill has named. It begins when every earlier run of the workflow is over.
// ErrExists when the instant has got its run meanwhile.
func (e *Engine) MakeUp(ctx context.Context, planned Planned, trigger *workflows.Trigger, at time.Time, sandbox bool) (Run, error) {
	workflow, err := planned.Workflow.Open()
	if err != nil {
		return Run{}, err
	}
	submission, err := e.triggered(workflow, planned.Commit, trigger, at, nil)
	if err != nil {
		return Run{}, err
	}
	submission.ID, submission.ScheduledAt = fireID(planned.Name, at, sandbox), at
	submission.Trigger, submission.Sandbox, submission.Queued = TriggerBackfill, sandbox, true
	return e.Create(ctx, submission)
}
