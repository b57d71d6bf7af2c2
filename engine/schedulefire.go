package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"youmiflow/workflows"
)

// Triggers of runs.
const (
	TriggerManual   = "manual"
	TriggerSchedule = "schedule"
	TriggerEvent    = "event"
	TriggerBackfill = "backfill"
)

// mostQueued bounds the runs of a workflow that wait behind each other.
const mostQueued = 100

// fireTries bounds how often a fire is tried whose runs come and go meanwhile.
const fireTries = 10

// settle does what is due of a trigger, and takes over what the ledger knows then.
func (s *Scheduler) settle(ctx context.Context, w *watch, d due) error {
	if d.missed > 0 {
		return s.record(ctx, w, d.upTo, Fire{Instant: d.last, Outcome: Missed, Missed: d.missed, Reason: d.why})
	}
	workflow, err := w.planned.Workflow.Open()
	if err != nil {
		return err
	}
	submission, err := s.Engine.triggered(workflow, w.planned.Commit, w.trigger, d.at, nil)
	if err != nil {
		return s.record(ctx, w, d.at, Fire{Instant: d.at, Outcome: Skipped, Reason: "its params cannot be had: " + s.Engine.redactor.Error(err).Error()})
	}
	submission.ID = fireID(w.planned.Name, d.at, s.Sandbox)
	submission.Trigger, submission.ScheduledAt, submission.Sandbox = TriggerSchedule, d.at, s.Sandbox
	submission.NotBefore = d.at.Add(jitterOf(w.planned.Name, d.at, w.trigger.Jitter))
	if w.trigger.Jitter == 0 {
		submission.NotBefore = time.Time{}
	}
	fire := Fire{Instant: d.at, Outcome: Fired, Run: submission.ID}
	if d.late {
		fire.Reason = "made up for"
	}
	row := w.outcome(d.at, fire)
	change := SetSchedule{Schedule: row, Was: &w.row.ConsideredAt}
	_, err = s.Engine.overlapping(ctx, submission, w.trigger.Overlap, change)
	var skip *skippedFire
	switch {
	case errors.As(err, &skip):
		return s.record(ctx, w, d.at, Fire{Instant: d.at, Outcome: Skipped, Reason: skip.reason})
	case errors.Is(err, ErrExists): // another trigger of the workflow has that instant, or a backfill
		fire.Reason = "there was a run of that instant already"
		fire.Run = ""
		return s.record(ctx, w, d.at, fire)
	case err != nil:
		return err
	}
	w.know(row)
	s.tell(w, fire)
	return nil
}

// record keeps what came of an instant that has no run of its own.
func (s *Scheduler) record(ctx context.Context, w *watch, upTo time.Time, fire Fire) error {
	row := w.outcome(upTo, fire)
	changes := []Change{SetSchedule{Schedule: row, Was: &w.row.ConsideredAt}}
	if fire.Outcome == Missed && s.Engine.Notice != nil {
		notice := Notice{Kind: NoticeMissed, Workflow: w.planned.Name, Sandbox: s.Sandbox,
			Text: fmt.Sprintf("%s: %s (%d): %s", w.trigger.Name, fire.Instant.Format(time.RFC3339), fire.Missed, fire.Reason)}
		notice.stamp(s.Engine.Now())
		changes = append(changes, AddNotice{notice})
	}
	if err := s.Engine.commit(ctx, changes...); err != nil {
		return err
	}
	w.know(row)
	s.tell(w, fire)
	return nil
}

// outcome is the row of a trigger once an instant has come to something.
func (w *watch) outcome(upTo time.Time, fire Fire) Schedule {
	row := w.row
	row.ConsideredAt, row.NextAt = upTo, w.after(upTo)
	row.LastAt, row.LastOutcome, row.LastReason = fire.Instant, fire.Outcome, fire.Reason
	switch fire.Outcome {
	case Fired:
		row.Fired++
		row.FiredAt, row.FiredRun = fire.Instant, fire.Run
	case Skipped:
		row.Skipped++
	case Missed:
		row.Missed += fire.Missed
	}
	return row
}

func (s *Scheduler) tell(w *watch, fire Fire) {
	fire.Workflow, fire.Trigger, fire.At = w.planned.Name, w.trigger.Name, s.Engine.Now()
	if fire.Outcome != Fired {
		s.Engine.Logger.Warn("a schedule did not start a run", "workflow", fire.Workflow, "trigger", fire.Trigger,
			"instant", fire.Instant, "outcome", fire.Outcome, "reason", fire.Reason, "missed", fire.Missed)
	}
	s.Tell(fire)
}

// whyPaused says that an event started no run, since nothing is to.
const whyPaused = "the trigger is paused"

// FireEvent starts the run of an event trigger: one for a workflow and the id of an event, whichever trigger it is. Event is
// what expressions see of it; whether it is the one that the trigger is meant for has been asked before. Why says why nothing
// was to be started, and is empty when something was: with the run, changes are made that are only made with it. The error is
// ErrFull while the trigger has as many unfinished runs as it may have.
func (s *Scheduler) FireEvent(ctx context.Context, planned Planned, trigger *workflows.Trigger, id string, event map[string]any, with ...Change) (run Run, why string, err error) {
	if s.Paused(planned.Name, trigger.Name) {
		return Run{}, whyPaused, nil
	}
	workflow, err := planned.Workflow.Open()
	if err != nil {
		return Run{}, "", err
	}
	submission, err := s.Engine.triggered(workflow, planned.Commit, trigger, s.Engine.Now(), event)
	if err != nil {
		return Run{}, "its params cannot be had: " + s.Engine.redactor.Error(err).Error(), nil
	}
	submission.Sandbox, submission.Trigger, submission.Event = s.Sandbox, TriggerEvent, event
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%t", planned.Name, id, s.Sandbox))
	submission.ID = "event-" + hashText(sum[:10])
	run, err = s.Engine.overlapping(ctx, submission, trigger.Overlap, append(roomFor(s.roomOf(planned, trigger), trigger, submission.ID), with...)...)
	var skip *skippedFire
	switch {
	case errors.As(err, &skip):
		return Run{}, skip.reason, nil
	case errors.Is(err, ErrExists):
		return Run{}, "the event has had its run", nil
	}
	return run, "", err
}

// triggered is the run that a trigger starts, with its params as they are kept. A file that they name is one of the
// project: nobody has given it from outside.
func (e *Engine) triggered(workflow *workflows.Workflow, commit string, trigger *workflows.Trigger, at time.Time, event map[string]any) (Submission, error) {
	names := map[string]any{"now": func() time.Time { return at }}
	if event != nil {
		names["event"] = event
	}
	params := map[string]any{}
	for _, one := range trigger.Params {
		value, err := one.Value.Eval(names)
		if err == nil {
			params[one.Name], err = plain(value)
		}
		if err != nil {
			return Submission{}, fmt.Errorf("the param %q: %w", one.Name, err)
		}
	}
	for _, param := range workflow.Params {
		if path, ok := params[param.Name].(string); ok && param.Type == workflows.ParamFile && filepath.IsAbs(path) {
			return Submission{}, fmt.Errorf("the param %q: the path %q leaves the project folder: write it relative to the folder of youmiflow.yaml", param.Name, path)
		}
	}
	submission := Submission{Workflow: workflow, Params: params, Commit: commit}
	_, _, err := e.prepare(submission)
	return submission, err
}

// skippedFire says why a fire starts no run.
type skippedFire struct{ reason string }

func (s *skippedFire) Error() string { return s.reason }

// overlapping adds a run as its trigger asks for when another one of the workflow goes on, and together with it changes
// that are only made with it. The error is a *skippedFire when there is to be no run.
func (e *Engine) overlapping(ctx context.Context, submission Submission, overlap workflows.Overlap, with ...Change) (Run, error) {
	alone := RequireIdle{Workflow: submission.Workflow.Name, Sandbox: submission.Sandbox}
	for range fireTries {
		run, add, err := e.prepare(submission)
		if err != nil {
			return run, err
		}
		changes := slices.Concat(add, with)
		if overlap != workflows.OverlapAllow && !submission.Queued {
			changes = append(changes, alone)
		}
		err = e.commit(ctx, changes...)
		if !errors.Is(err, ErrBusy) {
			return run, err
		}
		switch overlap {
		case workflows.OverlapQueue:
			submission.Queued, err = true, nil
			if submission.Trigger != TriggerEvent { // those wait elsewhere: none is passed over
				err = e.roomToQueue(ctx, alone)
			}
		case workflows.OverlapCancel:
			run, err = e.supersede(ctx, submission, with)
			if errors.Is(err, ErrOver) { // one of them has just ended
				continue
			}
			return run, err
		default:
			return run, &skippedFire{err.Error()}
		}
		if err != nil {
			return run, err
		}
	}
	return Run{}, fmt.Errorf("adding a run of %s: other runs come and go all the time", alone.Workflow)
}

// roomToQueue is the error of a fire for which too many wait already.
func (e *Engine) roomToQueue(ctx context.Context, of RequireIdle) error {
	open, err := e.openRuns(ctx, of.Workflow, of.Sandbox)
	if err != nil {
		return err
	}
	waiting := 0
	for _, run := range open {
		if run.Queued && run.Status == StatusPending {
			waiting++
		}
	}
	if waiting >= mostQueued {
		return &skippedFire{fmt.Sprintf("%d runs of the workflow wait already", waiting)}
	}
	return nil
}

// supersede adds a run that begins once those that go on are cancelled, and asks for that in the same entry.
func (e *Engine) supersede(ctx context.Context, submission Submission, with []Change) (Run, error) {
	open, err := e.openRuns(ctx, submission.Workflow.Name, submission.Sandbox)
	if err != nil {
		return Run{}, err
	}
	submission.Queued = true
	run, changes, err := e.prepare(submission)
	if err != nil {
		return run, err
	}
	running, wanted := StatusRunning, WantCancel
	for _, other := range open {
		wakes, err := e.wakes(ctx, other.ID)
		if err != nil {
			return run, err
		}
		changes = append(append(changes, wakes...), SetRun{ID: other.ID, Wanted: &wanted, Status: &running})
	}
	if err := e.commit(ctx, append(changes, with...)...); err != nil {
		return run, err
	}
	for _, other := range open {
		e.mu.Lock()
		active := e.active[other.ID]
		e.mu.Unlock()
		if active != nil {
			active.want(WantCancel)
		}
	}
	return run, nil
}

// fireID is that of the one run of a workflow and an instant.
func fireID(workflow string, at time.Time, sandbox bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%t", workflow, at.UnixMicro(), sandbox))
	return at.UTC().Format("20060102-150405-") + hashText(sum[:8])
}

func hashText(sum []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))
}

// jitterOf spreads the beginnings of runs: how far is the same for a workflow and an instant, whoever asks.
func jitterOf(workflow string, at time.Time, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00jitter", workflow, at.UnixMicro()))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(most)) //nolint:gosec // above 0, and the rest below most
}
