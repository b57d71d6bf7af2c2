package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/client"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// run has a daemon elsewhere run the workflow that it has by a name, and stays with the run to its end.
func (r remote) run(ctx context.Context, request runRequest) error {
	params, err := textParams(request.params)
	if err != nil {
		return err
	}
	workflow, digest, err := r.meant(ctx, request.file)
	if err != nil {
		return err
	}
	if err := r.warn(ctx, workflow, request.sandboxed); err != nil {
		return err
	}
	run, err := r.start(ctx, workflow, client.Order{Params: params, Digest: digest, Plan: request.plan, Test: request.test, Rehearsal: request.sandboxed})
	if err != nil {
		return err
	}
	return r.attend(ctx, run.ID)
}

// warn says what a careful person would want to know before the first message leaves.
func (r remote) warn(ctx context.Context, workflow result.WorkflowInFull, sandboxed bool) error {
	if workflow.Broken && workflow.Digest != nil {
		r.app.say("warning: %s there has errors, so that an earlier version of it is in force; see: %s", workflow.File,
			r.hint("youmiflow validate "+workflow.Name))
	}
	if sandboxed || workflow.Broken {
		return nil
	}
	problems, err := r.Problems(ctx, workflow.Name)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		if problem.Severity == diagnostic.Warning {
			r.app.say("warning: %s", problem.Message)
		}
	}
	return nil
}

// start starts a run once, also when the connection breaks meanwhile.
func (r remote) start(ctx context.Context, workflow result.WorkflowInFull, order client.Order) (result.Run, error) {
	return r.once(ctx, workflow, func(ctx context.Context, key string) (result.Run, error) {
		return r.Start(ctx, workflow.Name, order, key, patience)
	})
}

// once has a run be started by a request that is known by a key, and says so where it is not known whether it was.
func (r remote) once(ctx context.Context, workflow result.WorkflowInFull, begin func(ctx context.Context, key string) (result.Run, error)) (result.Run, error) {
	ctx, heard := r.untilLeft(ctx)
	defer heard()
	run, err := begin(ctx, rand.Text())
	left := errors.Is(context.Cause(ctx), errLeft)
	if doubt := (*client.DoubtError)(nil); errors.As(err, &doubt) {
		if left {
			r.app.say("it is not known whether the run was begun")
		}
		r.app.say("to find out: %s", r.hint("youmiflow runs list --workflow "+workflow.Name))
	}
	switch {
	case err == nil:
		return run, nil
	case left:
		return run, silently(exitStopped, "interrupted")
	}
	return run, r.explained(workflow, err)
}

// explained prints the problems of a workflow for which a daemon refuses it, at their places.
func (r remote) explained(workflow result.WorkflowInFull, err error) error {
	refused := (*client.Error)(nil)
	if !errors.As(err, &refused) || len(refused.Problems) == 0 {
		return err
	}
	there := theirs{}
	there[workflow.File] = []byte(workflow.Source)
	r.app.printDiagnosticsOf(refused.Problems, there.read)
	return err
}

// attend stays with a run to its end, and says how that was.
func (r remote) attend(ctx context.Context, id string) error {
	r.app.say("run %s", id)
	progress := r.app.newProgress()
	run, err := r.follow(ctx, id, progress)
	progress.end(run)
	if err == nil {
		err = r.explain(ctx, &run)
	}
	if err != nil {
		return err
	}
	return r.app.report(r.hint, run)
}

// state is a run as it is told of by a daemon, or why that cannot be told any more.
type state struct {
	run result.Run
	err error
}

// states are those of a run until it is over. Stop has no more come, and waits for what brings them.
func (r remote) states(ctx context.Context, id string) (_ <-chan state, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	told, ended := make(chan state), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(told)
		for now, err := range r.Watch(ctx, id, patience) {
			select {
			case told <- state{now, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told, func() { cancel(); <-ended }
}

// following is what somebody does who watches a run of a daemon elsewhere.
type following struct {
	remote
	id        string
	last      result.Run
	questions *announcer
	stopping  bool       // the run was asked to stop
	asked     chan error // what became of asking
	asking    sync.WaitGroup
}

// follow looks at a run until it is over or paused. Ctrl-C once has the daemon stop it, twice ends the looking.
func (r remote) follow(ctx context.Context, id string, progress progress) (_ result.Run, err error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &following{remote: r, id: id, questions: r.newAnnouncer(), asked: make(chan error, 1)}
	states, stop := r.states(ctx, id)
	defer func() {
		cancel()
		stop()
		f.asking.Wait()
		err = errors.Join(err, f.questions.stop())
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := false; !over && err == nil; {
		select {
		case now, more := <-states:
			if !more {
				return f.last, nil
			}
			over, err = f.see(now)
		case line, more := <-f.questions.typed():
			err = f.questions.answer(ctx, line, more)
		case <-r.app.Interrupts:
			err = f.interrupted(ctx)
		case err = <-f.asked:
		case <-ctx.Done():
			return f.last, ctx.Err()
		case <-tick.C: // a run that stands still is shown as well
		}
		progress.update(f.last, f.app.standingStill(f.last))
	}
	return f.last, err
}

// see takes in a state. Over says that nothing more is to come for now: the run is, or somebody has it paused.
func (f *following) see(now state) (over bool, err error) {
	if now.err != nil {
		return false, f.lost(now.err)
	}
	f.last = now.run
	if f.last.Status.Over() || slices.ContainsFunc(f.last.Waiting, func(w result.Waiting) bool { return w.Kind == engine.StandsPaused }) {
		return true, nil
	}
	return false, f.questions.announce(openQuestions(f.last))
}

// lost says of a run that is not heard of any more that it goes on.
func (f *following) lost(err error) error {
	refused := (*client.Error)(nil)
	if errors.As(err, &refused) && refused.Status < 500 || errors.Is(err, context.Canceled) {
		return err
	}
	return &exit{code: exitStopped, cause: fmt.Errorf("%w\nthe run goes on with its daemon; look at it with: %s", err, f.hint("youmiflow runs show "+f.id))}
}

// interrupted asks the daemon to stop the run; the second time it leaves.
func (f *following) interrupted(ctx context.Context) error {
	if f.stopping {
		f.app.say("left; what becomes of the run: %s", f.hint("youmiflow runs show "+f.id))
		return silently(exitStopped, "interrupted")
	}
	f.stopping = true
	f.app.say("\nstopping: nothing new is begun, what is in flight is finished (once more leaves at once)")
	f.asking.Go(func() {
		_, err := f.Steer(ctx, f.id, "pause")
		if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "state" {
			return // it is over by now
		}
		if err != nil {
			f.asked <- &exit{code: exitStopped, cause: fmt.Errorf("the run goes on, since the daemon could not be asked to stop it: %w\nask once more with: %s",
				err, f.hint("youmiflow runs pause "+f.id))}
		}
	})
	return nil
}

// newAnnouncer has questions be decided at the daemon.
func (r remote) newAnnouncer() *announcer {
	return r.app.newAnnouncer(r.hint, func(ctx context.Context, q engine.Question, decision workflows.Decision) (string, error) {
		_, err := r.Decide(ctx, q.Run, string(decision), q.Step, "")
		if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "state" {
			return "", engine.ErrOver
		}
		return "", err // it is known by its token
	})
}

// openQuestions are those that a run asks.
func openQuestions(run result.Run) []engine.Question {
	var open []engine.Question
	for _, waiting := range run.Waiting {
		if waiting.Kind != engine.StandsApprove {
			continue
		}
		q := engine.Question{Run: waiting.Run, Step: waiting.Step, Text: waiting.Text}
		if waiting.Until != nil {
			q.Until = *waiting.Until
		}
		open = append(open, q)
	}
	return open
}

// standingStill is what a run is waiting for; "" when for nothing, or for somebody to resume it.
func (a *app) standingStill(run result.Run) string {
	why := ""
	for _, waiting := range slices.Backward(run.Waiting) { // the first counts
		if waiting.Kind == engine.StandsApprove || waiting.Kind == engine.StandsPaused {
			continue
		}
		if why = waiting.Text; waiting.Until != nil {
			why += ", until " + a.zone.plain(*waiting.Until)
		}
	}
	return whyWaiting(openQuestions(run), why)
}
