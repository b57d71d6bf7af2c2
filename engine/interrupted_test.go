package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// interrupted is a run whose process died, with one that it has called, and that another process has paused.
func interrupted(t *testing.T) (*steered, string) {
	t.Helper()
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Minute)
	v.mu.Lock()
	clear(v.due)
	v.mu.Unlock()
	v.restart()
	require.NoError(t, v.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Interrupt }))
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	require.True(t, v.run(id).Interrupted())
	require.Equal(t, engine.CodeInterrupted, v.run(id).Error.Code)
	return v, id
}

func every(engine.Run) bool { return true }

func TestAnInterruptedRunGoesOn(t *testing.T) {
	v, id := interrupted(t)
	resumed, err := v.engine.ResumeInterrupted(t.Context(), func(engine.Run) bool { return false })
	require.NoError(t, err)
	require.Empty(t, resumed, "it does not fit")
	require.NoError(t, v.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
	v.pass(time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	resumed, err = v.engine.ResumeInterrupted(t.Context(), every)
	require.NoError(t, err)
	require.Equal(t, []string{id}, resumed, "one that it has called goes on with it")
	v.pass(48 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Nil(t, v.run(id).Error)
	resumed, err = v.engine.ResumeInterrupted(t.Context(), every)
	require.NoError(t, err)
	require.Empty(t, resumed)
}

func TestWhatAPersonPausesStaysPaused(t *testing.T) {
	v, id := interrupted(t)
	require.NoError(t, v.engine.Pause(t.Context(), id))
	require.Nil(t, v.run(id).Error)
	resumed, err := v.engine.ResumeInterrupted(t.Context(), every)
	require.NoError(t, err)
	require.Empty(t, resumed)
	require.NoError(t, v.engine.Resume(t.Context(), id))
	require.NoError(t, v.engine.Pause(t.Context(), id))
	v.pass(time.Hour)
	resumed, err = v.engine.ResumeInterrupted(t.Context(), every)
	require.NoError(t, err)
	require.Empty(t, resumed)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
}

// A run that had not begun waits again for what it waited for, whoever has it go on.
func TestARunThatHadNotBegunWaitsAgain(t *testing.T) {
	for name, goOn := range map[string]func(*steered, string){
		"the daemon": func(v *steered, _ string) {
			_, err := v.engine.ResumeInterrupted(v.t.Context(), every)
			require.NoError(v.t, err)
		},
		"a person": func(v *steered, id string) { require.NoError(v.t, v.engine.Resume(v.t.Context(), id)) },
	} {
		t.Run(name, func(t *testing.T) {
			v := steer(t)
			first := v.start("name: w\nsteps: [{ wait: 2h }]\n")
			second, err := v.engine.Create(t.Context(), engine.Submission{Workflow: v.parse("name: w\nsteps: [{ wait: 1s }]\n"), Queued: true})
			require.NoError(t, err)
			later, err := v.engine.Create(t.Context(), engine.Submission{Workflow: v.parse("name: later\nsteps: [{ wait: 1s }]\n"), NotBefore: v.clock().Add(time.Hour)})
			require.NoError(t, err)
			v.pass(time.Minute)
			v.die()
			v.pass(time.Minute)
			for _, id := range []string{first, second.ID, later.ID} {
				require.True(t, v.run(id).Interrupted())
				require.Equal(t, engine.StatusPaused, v.run(id).Status)
			}
			for _, id := range []string{second.ID, later.ID} {
				goOn(v, id)
				v.pass(time.Minute)
				require.Equal(t, engine.StatusPending, v.run(id).Status)
				require.Zero(t, v.run(id).StartedAt)
			}
			goOn(v, first)
			v.pass(time.Hour)
			require.Equal(t, engine.StatusSucceeded, v.run(later.ID).Status)
			require.Equal(t, engine.StatusPending, v.run(second.ID).Status)
			v.pass(2 * time.Hour)
			require.Equal(t, engine.StatusSucceeded, v.run(first).Status)
			require.Equal(t, engine.StatusSucceeded, v.run(second.ID).Status)
			require.False(t, v.run(second.ID).StartedAt.Before(v.run(first).FinishedAt))
		})
	}
}
