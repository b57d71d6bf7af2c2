package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"youmiflow/workflows"
)

// course is how far a foreach is, as its row keeps it while it runs.
type course struct {
	Selected int `json:"selected"`        // items that take part
	Wave     int `json:"wave,omitempty"`  // that is worked on, from 1; 0 without waves
	Waves    int `json:"waves,omitempty"` // how many there are
	Size     int `json:"size,omitempty"`  // items of the wave
	// Base is how many items had failed or become unknown when the tolerance last began to count.
	Base int `json:"base,omitempty"`
	// Next is when the pause after the wave ends; nil before the wave is done.
	Next *time.Time `json:"next,omitempty"`
	// Ended is why what has not begun is skipped; "" when it is not.
	Ended string `json:"ended,omitempty"`
	// Opened is the last wave whose lanes were opened to end what they have.
	Opened int `json:"opened,omitempty"`
}

func readCourse(row StepRow) (course, error) {
	var c course
	if row.Status != StatusRunning || len(row.Outputs) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(row.Outputs, &c); err != nil {
		return c, fmt.Errorf("step %s: reading how far it is: %w", row.Path, err)
	}
	return c, nil
}

func (c course) row(run, path string) (SetStep, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return SetStep{}, fmt.Errorf("step %s: writing how far it is: %w", path, err)
	}
	return SetStep{StepRow{Run: run, Path: path, Status: StatusRunning, Outputs: text}}, nil
}

// of is how many items a share of so many is: a part is rounded up, and is one at least.
func shareOf(share workflows.Share, items int) int {
	if share.Count > 0 {
		return share.Count
	}
	return max(1, int(math.Ceil(float64(items)*share.Percent/100-1e-9)))
}

// waveSizes cuts the items into waves: each as the file has it, the last repeated until nothing is left.
func waveSizes(waves []workflows.Wave, items int) []int {
	var sizes []int
	for left := items; left > 0 && len(waves) > 0; {
		size := min(shareOf(waves[min(len(sizes), len(waves)-1)].Share, items), left)
		sizes = append(sizes, size)
		left -= size
	}
	return sizes
}

// wavesOf are a foreach's; a test send, of a few rows to one recipient, has none.
func (a *activeRun) wavesOf(step *workflows.Step) []workflows.Wave {
	if a.run.Test != nil {
		return nil
	}
	return step.Foreach.Waves
}

// begin has the lanes of a foreach work: on all items, or on the first wave.
func (e *Engine) begin(ctx context.Context, s *scope, step *workflows.Step) error {
	run := s.active.run.ID
	counts, err := e.Ledger.Counts(ctx, run, step.Path)
	if err != nil {
		return fmt.Errorf("counting the items of %s: %w", step.Path, err)
	}
	now := course{Selected: counts[StatusPending]}
	now.Size = now.Selected
	var changes []Change
	if sizes := waveSizes(s.active.wavesOf(step), now.Selected); len(sizes) > 0 {
		now.Wave, now.Waves, now.Size = 1, len(sizes), sizes[0]
		changes = append(changes, AssignWaves{Run: run, Step: step.Path, Sizes: sizes})
	}
	row, err := now.row(run, step.Path)
	if err != nil {
		return err
	}
	changes = append(changes, row, AddLanes{Run: run, Step: step.Path, Wave: now.Wave})
	return e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
}

// advance goes on with a foreach whose lanes are all done: to the next wave, or to end what is left. It reports true when
// nothing is left.
func (e *Engine) advance(ctx context.Context, s *scope, step *workflows.Step, now course) (bool, error) {
	counts, err := e.Ledger.Counts(ctx, s.active.run.ID, step.Path)
	if err != nil {
		return false, fmt.Errorf("counting the items of %s: %w", step.Path, err)
	}
	switch {
	case counts[StatusPending]+counts[StatusHeld] == 0:
		return true, nil
	case s.cancelled() || now.Ended != "" || s.active.expired(e.Now()):
		return false, e.sweep(ctx, s, step, now)
	case now.Wave == 0 || now.Wave >= now.Waves:
		return false, fmt.Errorf("step %s: %d items are left although all its lanes are done", step.Path,
			counts[StatusPending]+counts[StatusHeld])
	}
	return false, e.nextWave(ctx, s, step, now, counts[StatusFailed]+counts[StatusUnknown])
}

// nextWave begins the next wave, after the pause and the approval that stand between. Its error is *suspended.
func (e *Engine) nextWave(ctx context.Context, s *scope, step *workflows.Step, now course, failures int) error {
	waves := s.active.wavesOf(step)
	wave := waves[min(now.Wave, len(waves))-1]
	if err := e.pauseWave(ctx, s, step, &now, wave); err != nil {
		return err
	}
	if wave.Approve {
		if decided, err := e.askWave(ctx, s, step, &now, failures); err != nil || !decided {
			return err
		}
	}
	if now.Ended == "" {
		sizes := waveSizes(waves, now.Selected)
		now = course{Selected: now.Selected, Wave: now.Wave + 1, Waves: now.Waves, Size: sizes[now.Wave], Base: failures}
	}
	row, err := now.row(s.active.run.ID, step.Path)
	if err != nil {
		return err
	}
	changes := []Change{row}
	if now.Ended == "" {
		changes = append(changes, AddLanes{Run: s.active.run.ID, Step: step.Path, Wave: now.Wave})
	}
	return e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
}

// pauseWave waits for as long as the file asks for after a wave. When that ends is on disk.
func (e *Engine) pauseWave(ctx context.Context, s *scope, step *workflows.Step, now *course, wave workflows.Wave) error {
	if wave.Pause <= 0 {
		return nil
	}
	if now.Next == nil {
		next := e.Now().Add(wave.Pause)
		now.Next = &next
		row, err := now.row(s.active.run.ID, step.Path)
		if err != nil {
			return err
		}
		if err := e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{row}}).Wait(ctx); err != nil {
			return err
		}
	}
	if !now.Next.After(e.Now()) {
		return nil
	}
	s.active.waiting(*now.Next, fmt.Sprintf("the pause after wave %d of %d, until %s", now.Wave, now.Waves,
		clockText(e.Now(), *now.Next, e.Location)))
	return &suspended{at: sooner(*now.Next, s.active.deadline())}
}

// askWave asks a person whether the next wave may begin. It reports false when nobody has said so yet.
func (e *Engine) askWave(ctx context.Context, s *scope, step *workflows.Step, now *course, failures int) (bool, error) {
	path := fmt.Sprintf("%s/wave-%d", step.Path, now.Wave+1)
	r, err := s.ask(ctx, path, func() (string, *workflows.Approve, error) {
		return fmt.Sprintf("Wave %d of %d of %s is done, %d items have failed or are unknown by now. Go on with wave %d?",
			now.Wave, now.Waves, step.Path, failures, now.Wave+1), &workflows.Approve{}, nil
	})
	if stop, ok := isSuspended(err); ok {
		stop.at = sooner(stop.at, s.active.deadline())
	}
	if err != nil || r.Status == StatusCancelled {
		return false, err
	}
	if r.Status != StatusSucceeded {
		now.Ended = rejectedBy(r)
	}
	return true, nil
}

func rejectedBy(r *result) string {
	if by, _ := r.Outputs["by"].(string); by != "" {
		return "rejected by " + by
	}
	return "rejected"
}

// mostSwept is how many waves are opened at once to be ended.
const mostSwept = 500

// sweep opens the lanes of what is left, so that each ends what it has and has not begun: of later waves too.
func (e *Engine) sweep(ctx context.Context, s *scope, step *workflows.Step, now course) error {
	run := s.active.run.ID
	first := max(now.Wave, now.Opened) + 1
	now.Opened = min(first+mostSwept, now.Waves+1) - 1
	if now.Opened < first {
		return fmt.Errorf("step %s: items are left although every lane was opened to end them", step.Path)
	}
	row, err := now.row(run, step.Path)
	if err != nil {
		return err
	}
	changes := []Change{row}
	for wave := first; wave <= now.Opened; wave++ {
		changes = append(changes, AddLanes{Run: run, Step: step.Path, Wave: wave})
	}
	return e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
}

// leaveForeach ends a foreach that was begun and is not to go on, since what its items rely on could not be had again: those
// that have not begun are skipped, and say so. Nothing is returned of one that was not begun.
func (s *scope) leaveForeach(ctx context.Context, step *workflows.Step) (*result, error) {
	e, live := s.loops.(*Engine)
	if !live {
		return nil, nil
	}
	row, err := e.foreachRow(ctx, s, step)
	if err != nil || row.Status != StatusRunning && row.Status != StatusSucceeded {
		return nil, err
	}
	now, err := readCourse(row)
	if err != nil {
		return nil, err
	}
	if row.Status == StatusRunning && now.Ended == "" {
		now.Ended = reasonBefore
		change, err := now.row(s.active.run.ID, step.Path)
		if err != nil {
			return nil, err
		}
		wakes, err := e.wakes(ctx, s.active.run.ID)
		if err != nil {
			return nil, err
		}
		if err := e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: append(wakes, change)}).Wait(ctx); err != nil {
			return nil, err
		}
	}
	return e.foreach(ctx, s, step)
}

// reasonBefore is why the items of a foreach are skipped that is not to go on.
const reasonBefore = "a step before it failed when the run went on"
