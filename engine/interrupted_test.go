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
