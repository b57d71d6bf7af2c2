package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// between is a ledger before one of whose writes something happens: what somebody else asks for at the worst moment.
type between struct {
	engine.Ledger
	when func(engine.SetRun) bool
	then func()
}

func (b *between) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	for _, change := range entry.Changes {
		if set, ok := change.(engine.SetRun); ok && b.then != nil && b.when(set) {
			then := b.then
			b.then = nil
			then()
			break
		}
	}
	return b.Ledger.Append(ctx, entry)
}

// before has a person do something just before the engine writes that down. It returns whether that has happened.
func (v *steered) before(when func(engine.SetRun) bool, then func(person *engine.Engine) error) func() bool {
	v.t.Helper()
	person := engine.New(v.config)
	config := v.config
	hook := &between{Ledger: v.ledger, when: when, then: func() { require.NoError(v.t, then(person)) }}
	config.Ledger = hook
	v.engine = engine.New(config)
	return func() bool { return hook.then == nil }
}

func wants(wanted engine.Wanted, id string) func(engine.SetRun) bool {
	return func(set engine.SetRun) bool { return set.ID == id && set.Wanted != nil && *set.Wanted == wanted }
}

// die ends the process in the midst, and has the next one interrupt what that worked on.
func (v *steered) die() {
	v.t.Helper()
	v.mu.Lock()
	clear(v.due)
	v.mu.Unlock()
	v.restart()
	require.NoError(v.t, v.engine.Recover(v.t.Context(), func(engine.Run) engine.Recovery { return engine.Interrupt }))
}

// pausedChild is a run that waits for one that it has called, and that a person has paused.
func pausedChild(t *testing.T) (v *steered, parent, child string) {
	t.Helper()
	v = steer(t)
	v.others["greet"] = greet
	parent = v.start(callsGreet)
	v.pass(time.Minute)
	child = v.children(parent)[0].ID
	require.NoError(t, v.engine.Pause(t.Context(), child))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusPaused, v.run(child).Status)
	require.Equal(t, engine.StatusRunning, v.run(parent).Status)
	return v, parent, child
}

// Whoever has a run go on, a person or a daemon: what a person has paused among those that it called stays paused.
func TestACalledRunThatAPersonPausedStaysPaused(t *testing.T) {
	for name, cycle := range map[string]func(v *steered, id string){
		"a daemon goes on": func(v *steered, id string) {
			v.die()
			v.pass(time.Minute)
			resumed, err := v.engine.ResumeInterrupted(v.t.Context(), every)
			require.NoError(v.t, err)
			require.Equal(v.t, []string{id}, resumed)
		},
		"a person resumes its caller": func(v *steered, id string) {
			require.NoError(v.t, v.engine.Pause(v.t.Context(), id))
			v.pass(time.Minute)
			require.Equal(v.t, engine.StatusPaused, v.run(id).Status)
			require.NoError(v.t, v.engine.Resume(v.t.Context(), id))
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, parent, child := pausedChild(t)
			v.t = t
			cycle(v, parent)
			v.pass(24 * time.Hour)
			require.Equal(t, engine.StatusPaused, v.run(child).Status, "a person has paused it")
			require.Equal(t, engine.StatusRunning, v.run(parent).Status, "it waits")
			require.Equal(t, []string{"1 a"}, v.texts())
			require.NoError(t, v.engine.Resume(t.Context(), child))
			v.pass(24 * time.Hour)
			require.Equal(t, engine.StatusSucceeded, v.run(parent).Status)
		})
	}
}

// A called run says why it is paused, until a person wants it so; and people are told of its caller alone.
func TestAPersonPausesWhatIsPausedWithItsCaller(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	var told []string
	v.config.Notice = func(n engine.Notice) { told = append(told, string(n.Kind)+" "+n.Run) }
	v.restart()
	id := v.start(callsGreet)
	v.pass(time.Minute)
	v.die()
	v.pass(time.Minute)
	child := v.children(id)[0].ID
	require.Equal(t, engine.StatusPaused, v.run(child).Status)
	require.Equal(t, "with-parent", v.run(child).Error.Code)
	require.NoError(t, v.engine.Pause(t.Context(), child))
	require.Nil(t, v.run(child).Error)
	require.NoError(t, v.engine.Resume(t.Context(), id))
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(child).Status)
	require.Equal(t, []string{string(engine.NoticePaused) + " " + id}, told)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusCancelled, v.run(child).Status)
	require.Nil(t, v.run(child).Error)
}

// A process that dies when it has asked a run to go on, and not yet those that were paused with it, loses none of them.
func TestWhatIsPausedWithACallerThatGoesOnIsNotForgotten(t *testing.T) {
	v, id := interrupted(t)
	running, wanted := engine.StatusRunning, engine.WantRun
	require.NoError(t, v.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{
		engine.SetRun{ID: id, Status: &running, Wanted: &wanted, Error: &engine.Failure{}}}}).Wait(t.Context()))
	v.crash()
	v.pass(48 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
}

// A person pauses an interrupted run at the very moment at which the daemon has it go on.
func TestAPauseWhileADaemonResumesStands(t *testing.T) {
	v, id := interrupted(t)
	happened := v.before(wants(engine.WantRun, id), func(person *engine.Engine) error { return person.Pause(t.Context(), id) })
	resumed, err := v.engine.ResumeInterrupted(t.Context(), every)
	require.True(t, happened())
	require.NoError(t, err)
	require.Empty(t, resumed)
	v.pass(48 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status, "a person has paused it")
	require.Nil(t, v.run(id).Error)
}

// So does a pause of a called run at the moment at which its caller's is passed on to it, whichever is first.
func TestAPauseOfACalledRunWhileItsCallerIsPausedStands(t *testing.T) {
	start := func(t *testing.T) (v *steered, id, child string) {
		t.Helper()
		v = steer(t)
		v.others["greet"] = greet
		id = v.start(callsGreet)
		v.pass(time.Minute)
		return v, id, v.children(id)[0].ID
	}
	resumed := func(v *steered, id, child string) {
		v.t.Helper()
		v.pass(time.Minute)
		require.Equal(v.t, engine.StatusPaused, v.run(id).Status)
		require.NoError(v.t, v.engine.Resume(v.t.Context(), id))
		v.pass(24 * time.Hour)
		require.Equal(v.t, engine.StatusPaused, v.run(child).Status, "a person has paused it")
	}
	t.Run("the person first", func(t *testing.T) {
		v, id, child := start(t)
		happened := v.before(wants(engine.WantPause, child), func(person *engine.Engine) error { return person.Pause(t.Context(), child) })
		require.NoError(t, v.engine.Pause(t.Context(), id))
		v.pass(time.Minute)
		require.True(t, happened())
		resumed(v, id, child)
	})
	t.Run("the caller first", func(t *testing.T) {
		v, id, child := start(t)
		caller := v.engine
		happened := v.before(wants(engine.WantPause, child), func(*engine.Engine) error {
			v.engine = caller
			require.NoError(t, caller.Pause(t.Context(), id))
			v.pass(time.Minute)
			require.Equal(t, "with-parent", v.run(child).Error.Code)
			return nil
		})
		require.NoError(t, v.engine.Pause(t.Context(), child)) // a person
		require.True(t, happened())
		require.Nil(t, v.run(child).Error)
		v.engine = caller
		resumed(v, id, child)
	})
}

// A run that is slow to hand its conversations back holds up no other one.
func TestAnInterruptedRunThatDoesNotComeToRestHoldsUpNoOther(t *testing.T) {
	v := steer(t)
	text := "name: w\nsteps:\n  - wait: 2h\n"
	quick := v.start(text)
	slow := v.start(text)
	v.pass(time.Minute)
	v.die()
	held := v.aside(slow)
	v.pass(time.Second)
	require.Equal(t, engine.StatusPaused, v.run(quick).Status)
	require.Equal(t, engine.StatusRunning, v.run(slow).Status)

	type answer struct {
		resumed []string
		err     error
	}
	done := make(chan answer, 1)
	go func() {
		resumed, err := v.engine.ResumeInterrupted(t.Context(), every)
		done <- answer{resumed, err}
	}()
	require.Eventually(t, func() bool { return v.run(quick).Wanted == engine.WantRun }, 20*time.Second, time.Millisecond)
	require.True(t, v.run(slow).Interrupted())
	require.Empty(t, done)
	for _, key := range held {
		v.at(key, v.clock())
	}
	v.pass(time.Second)
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, []string{quick, slow}, got.resumed)
}

// aside takes away what is due of a run, as if nobody came to it.
func (v *steered) aside(id string) (held []engine.LaneKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.due {
		if key.Run == id {
			held = append(held, key)
			delete(v.due, key)
		}
	}
	return held
}
