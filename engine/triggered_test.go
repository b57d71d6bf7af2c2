package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// TestATriggerByHandFollowsItsOverlap: skip starts nothing and names the run in the way, queue waits for it, cancel ends it,
// and allow minds nothing. Rehearsals and test sends are in nobody's way.
func TestATriggerByHandFollowsItsOverlap(t *testing.T) {
	for overlap, want := range map[workflows.Overlap]struct{ first, second engine.Status }{
		workflows.OverlapSkip:   {engine.StatusRunning, ""},
		workflows.OverlapQueue:  {engine.StatusRunning, engine.StatusPending},
		workflows.OverlapCancel: {engine.StatusCancelled, engine.StatusRunning},
		workflows.OverlapAllow:  {engine.StatusRunning, engine.StatusRunning},
	} {
		if testing.Short() && overlap == workflows.OverlapAllow {
			continue
		}
		t.Run(string(overlap), func(t *testing.T) {
			one(t, `triggers: [{ at: "2001-01-01T00:00:00Z", overlap: skip }]`+slow, func(t *testing.T, d *depot, _ *ledgerOfFires) {
				p := d.start()
				defer func() { d.bury(p) }()
				planned := d.parse("w", `triggers: [{ at: "2001-01-01T00:00:00Z", overlap: skip }]`+slow)
				submit := func(sandbox bool) engine.Submission {
					submission, err := p.engine.Triggered(planned, planned.Workflow.Triggers[0], sandbox)
					require.NoError(t, err)
					return submission
				}
				rehearsal, err := p.engine.StartTriggered(t.Context(), submit(true), overlap)
				require.NoError(t, err)
				require.False(t, rehearsal.Queued)
				test := submit(false)
				test.Test = &engine.Test{Account: "a", Friend: "me"}
				_, err = p.engine.Create(t.Context(), test)
				require.NoError(t, err)
				first, err := p.engine.StartTriggered(t.Context(), submit(false), overlap)
				require.NoError(t, err)
				require.False(t, first.Queued, "nothing is in its way")
				time.Sleep(10 * time.Second)

				second, err := p.engine.StartTriggered(t.Context(), submit(false), overlap)
				if overlap == workflows.OverlapSkip {
					skipped := (*engine.SkippedError)(nil)
					require.ErrorAs(t, err, &skipped)
					require.ErrorIs(t, err, engine.ErrBusy)
					require.Equal(t, first.ID, skipped.Run.ID)
					require.EqualError(t, err, "no run of w was started: run "+first.ID+" is running, and the overlap is skip")
				} else {
					require.NoError(t, err)
				}
				ahead, err := engine.Ahead(t.Context(), p.mortal, second)
				require.NoError(t, err)
				switch {
				case overlap == workflows.OverlapCancel: // what is cancelled may have ended by now
					require.LessOrEqual(t, len(ahead), 1)
				case second.Queued:
					require.Len(t, ahead, 1)
				default:
					require.Empty(t, ahead)
				}
				for _, run := range ahead {
					require.Equal(t, first.ID, run.ID)
				}
				time.Sleep(10 * time.Second)
				status := func(id string) engine.Status {
					run, err := p.mortal.Run(t.Context(), id)
					require.NoError(t, err)
					return run.Status
				}
				require.Equal(t, want.first, status(first.ID))
				if want.second == "" {
					all, err := p.mortal.Runs(t.Context(), engine.RunFilter{})
					require.NoError(t, err)
					require.Len(t, all, 3, "none was added")
					return
				}
				require.Equal(t, want.second, status(second.ID))
				time.Sleep(10 * time.Minute)
				require.Equal(t, engine.StatusSucceeded, status(second.ID))
			})
		})
	}
}
