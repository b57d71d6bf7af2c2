package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

func (a *app) runCommand() *cobra.Command {
	var given []string
	var plan string
	var sandboxed bool
	var options sandboxFlags
	var test testFlags
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow now, with live progress",
		Long: `Runs a workflow now. Ctrl-C once stops it in order: nothing new is begun, what is in flight is
finished, and the command to resume is printed. Ctrl-C twice leaves at once; a resume loses
nothing then either.

With --server, the daemon runs what it has itself: FILE is the name of a workflow, or a file of which
the daemon has the same text. The run is watched from here; Ctrl-C stops it in order all the same.
--sandbox has it refused by a daemon that works for real.

Exit codes: 0 done, 1 the run failed, 2 bad usage, 3 invalid workflow or configuration,
4 finished with failed or unknown items, 5 stopped before the end (resumable).`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			switch {
			case a.server != "":
				if err := options.without(c, "the daemon's has what it was started with"); err != nil {
					return err
				}
			case !sandboxed:
				if err := options.without(c, "add --sandbox, or leave it out"); err != nil {
					return err
				}
			}
			recipient, err := test.recipient(c)
			if err != nil {
				return err
			}
			request := runRequest{file: arguments[0], params: given, plan: plan, sandboxed: sandboxed, options: options, test: recipient}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.run(ctx, request) },
				func() error { return a.run(c.Context(), request) })
		},
	}
	flags := c.Flags()
	flags.StringArrayVarP(&given, "param", "p", nil, "a param of the workflow, as NAME=VALUE (may be repeated)")
	flags.BoolVar(&sandboxed, "sandbox", false, "run against the built-in simulator: nobody is messaged")
	flags.StringVar(&plan, "plan", "", "the digest of a plan: refuse to run when the plan has changed since")
	options.add(c)
	test.add(c)
	a.serverFlag(c)
	a.oneOutputFlag(c)
	return c
}

type runRequest struct {
	file      string
	params    []string
	plan      string
	sandboxed bool
	options   sandboxFlags
	test      *engine.Test
}

func (a *app) run(ctx context.Context, request runRequest) (err error) {
	project, err := a.openProject(request.file)
	if err != nil {
		return err
	}
	catalogue, err := a.planCatalogue(project, request.sandboxed)
	if err != nil {
		return err
	}
	workflow, err := a.loadWorkflow(request.file, catalogue)
	if err != nil {
		return err
	}
	if err := project.checkNames(workflow); err != nil {
		return err
	}
	values, err := params(workflow, request.params)
	if err != nil {
		return err
	}
	if request.plan != "" {
		planned := planRequest{file: request.file, params: request.params, test: request.test}
		if err := a.checkPlan(ctx, project, planned, request.plan); err != nil {
			return err
		}
	}
	s, err := a.openSession(ctx, project, workflow.Connection, request.sandboxed, request.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if !request.sandboxed {
		a.warn(workflow, project)
	}
	submission := engine.Submission{Workflow: workflow, Params: values, Sandbox: request.sandboxed,
		Plan: request.plan, Test: request.test, Commit: commitOf(ctx, workflow)}
	return s.start(ctx, submission)
}

// warn prints what a careful person would want to know before the first message leaves.
func (a *app) warn(workflow *workflows.Workflow, project *project) {
	for _, warning := range workflows.LimitWarnings(workflow, project.config.Limits) {
		a.say("warning: %s", warning.Message)
	}
	for _, warning := range connectionWarnings(workflow, project.config) {
		a.say("warning: %s", warning.Message)
	}
	for _, warning := range project.config.StopWarnings(workflow) {
		a.say("warning: stop_when: %s", warning.Message)
	}
}

// checkPlan refuses a run whose plan is not the one that was approved.
func (a *app) checkPlan(ctx context.Context, project *project, request planRequest, digest string) error {
	p, err := a.newPlanning(project, request)
	if err != nil {
		return err
	}
	now, err := p.digest(ctx)
	if err != nil {
		return err
	}
	if now != digest {
		return invalid("the plan has changed: it is %s now, not %s; look at `%s` again before you run it",
			now, digest, project.hint("youmiflow plan "+request.file))
	}
	return nil
}

// start adds the run and stays with it to its end. The process owns the ledger before the run is added whenever it
// can, so that no other run is mistaken for a living one.
func (s *session) start(ctx context.Context, submission engine.Submission) error {
	return s.startBy(ctx, submission, s.engine.Create)
}

// startBy is start of a run that is added otherwise.
func (s *session) startBy(ctx context.Context, submission engine.Submission, add func(context.Context, engine.Submission) (engine.Run, error)) error {
	owner, err := s.own(ctx, s.recovery(""))
	if err != nil {
		return err
	}
	if owner && !s.sandboxed && submission.Test == nil && submission.Workflow.Stops() && s.project.config.ReceivesEvents() {
		s.app.say("stop_when: answers are noticed only while a daemon (`youmiflow serve`) receives them, and none works on this ledger")
	}
	if err := s.checkApart(rehearseElsewhere); err != nil {
		return err
	}
	submission.ID = engine.NewRunID(time.Now())
	return s.attend(ctx, submission.ID, func() error {
		_, err := add(ctx, submission)
		return err
	})
}

// attend watches a run to its end, and works on it once this process owns the ledger. begin has the run be worked on: by
// then this process is known to watch it, so that no other takes it for one that was left.
func (s *session) attend(ctx context.Context, id string, begin func() error) (err error) {
	attendance, err := s.ledger.Attend(ctx, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, attendance.Release()) }()
	if err := begin(); err != nil {
		return err
	}
	s.app.say("run %s", id)
	progress := s.app.newProgress()
	run, err := s.follow(ctx, id, progress)
	progress.end(result.OfRun(run))
	if err != nil {
		return err
	}
	view, err := endedRun(ctx, s.ledger, run)
	if err == nil {
		err = s.app.explain(ctx, s.ledger, run, &view)
	}
	if err != nil {
		return err
	}
	err = s.app.report(s.project.hint, view)
	s.settle(ctx)
	return err
}

// unheard is how long a run that another process was to take up may wait, once it is to stop.
const unheard = 3 * time.Second

// follow looks at the run until it is over or paused.
func (s *session) follow(ctx context.Context, id string, progress progress) (_ engine.Run, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var interrupted time.Time
	questions, handedOver := s.newAnnouncer(), false
	defer func() { err = errors.Join(err, questions.stop()) }()
	for {
		owner, err := s.own(ctx, s.recovery(id))
		if err != nil {
			return engine.Run{}, err
		}
		if !owner && !handedOver {
			handedOver = true
			s.app.say("another youmiflow process works on this ledger%s", s.otherOwner(ctx))
		}
		run, err := s.ledger.Run(ctx, id)
		if err != nil {
			return run, err
		}
		if err := questions.look(ctx, s.ledger, run); err != nil {
			return run, err
		}
		progress.update(result.OfRun(run), whyWaiting(questions.open, s.engine.Waiting(id)))
		if run.Status.Over() || run.Status == engine.StatusPaused && run.Wanted == engine.WantPause {
			return run, nil
		}
		if !owner && run.Status == engine.StatusPending && !interrupted.IsZero() && time.Since(interrupted) > unheard {
			return run, nil // nobody has begun it, and nobody will while the other process lives
		}
		select {
		case <-tick.C:
		case line, more := <-questions.typed():
			if err := questions.answer(ctx, line, more); err != nil {
				return run, err
			}
		case <-ctx.Done():
			return run, ctx.Err()
		case err := <-s.damage:
			return run, err
		case <-s.app.Interrupts:
			if !interrupted.IsZero() {
				s.leaveAtOnce(id)
			}
			interrupted = time.Now()
			s.app.say("\nstopping: nothing new is begun, what is in flight is finished (once more leaves at once)")
			if err := s.pauseWithin(ctx, id); err != nil && !errors.As(err, new(*engine.StateError)) {
				return run, err
			}
		}
	}
}

// heedWithin is how long the ledger may take to keep that a run is to stop.
const heedWithin = 5 * time.Second

// pauseWithin asks for the run to stop. Where not even that can be kept, nothing else can, and nothing new leaves: the
// process ends as it stands.
func (s *session) pauseWithin(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, heedWithin)
	defer cancel()
	err := s.engine.Pause(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		s.app.say("the ledger %s cannot be written, see above: nothing more is sent", s.ledger.Path())
		s.leaveAtOnce(id)
	}
	return err
}

// leaveAtOnce ends the process where it stands, as a crash would: the ledger knows what was begun.
func (s *session) leaveAtOnce(id string) {
	s.app.say("left at once; resume with: %s", s.project.hint("youmiflow runs resume "+id))
	os.Exit(exitStopped)
}

// report prints how a run ended, and what can be done next.
func (a *app) report(hint func(string) string, run result.Run) error {
	err := a.one(run, func(w io.Writer) error { return a.writeRun(w, run) })
	if err != nil {
		return err
	}
	counts := run.Counts
	switch {
	case !run.Status.Over():
		a.say("stopped; resume with: %s", hint("youmiflow runs resume "+run.ID))
	case run.Status == engine.StatusCancelled:
		a.say("the run was cancelled; who was reached: %s", hint("youmiflow runs items "+run.ID+" --status succeeded"))
	case counts.Failed+counts.Unknown > 0:
		a.say("who was not reached: %s", hint("youmiflow runs items "+run.ID+" --status failed,unknown"))
	case run.Test != nil:
		a.say("TEST: nobody but %s:%s was messaged; what was left out: %s", run.Test.Account, run.Test.Friend,
			hint("youmiflow runs items "+run.ID))
	case counts.Total > 0:
		a.say("every recipient: %s", hint("youmiflow runs items "+run.ID))
	}
	for _, failed := range run.Afterwards {
		a.say("warning: %s", failedAfterwards(failed))
	}
	if stuck := run.Takeovers.Stuck; stuck > 0 {
		a.say("ALARM: %d conversations could not be handed back, and nobody owns them now: end them in the client; which: %s",
			stuck, hint("youmiflow runs calls "+run.ID))
	}
	if code := runExit(run); code != exitDone {
		return silently(code, "the run is "+string(run.Status))
	}
	return nil
}

// noteOf says of a run that it messaged nobody, or nobody but one.
func noteOf(run result.Run) string {
	text := ""
	if run.Sandbox {
		text = " (sandbox)"
	}
	if run.Test != nil {
		text += fmt.Sprintf(" (TEST to %s:%s)", run.Test.Account, run.Test.Friend)
	}
	return text
}

// writeRun writes a run for people.
func (a *app) writeRun(w io.Writer, view result.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "run        %s%s\nworkflow   %s\nstatus     %s\n", view.ID, noteOf(view), view.Workflow, view.Status)
	if view.StartedAt != nil {
		fmt.Fprintf(&b, "started    %s\n", a.zone.moment(*view.StartedAt))
	}
	if view.FinishedAt != nil && view.StartedAt != nil {
		fmt.Fprintf(&b, "took       %s\n", view.FinishedAt.Sub(*view.StartedAt).Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "items      %d", view.Counts.Total)
	for _, part := range countParts(view.Counts) {
		fmt.Fprintf(&b, ", %s", part)
	}
	b.WriteByte('\n')
	writeReasons(&b, view)
	fmt.Fprintf(&b, "calls      %d, %d succeeded, %d failed, %d unknown\n", view.Calls.Total, view.Calls.Succeeded,
		view.Calls.Failed, view.Calls.Unknown)
	fmt.Fprintf(&b, "takeovers  %d ended, %d held, %d stuck\n", view.Takeovers.Ended, view.Takeovers.Held, view.Takeovers.Stuck)
	writeTested(&b, view)
	if view.Error != nil {
		fmt.Fprintf(&b, "error      %s\n", view.Error.Message)
	}
	if view.Parent != nil {
		fmt.Fprintf(&b, "called by  run %s, step %s\n", view.Parent.Run, view.Parent.Step)
	}
	if len(view.Outputs) > 0 {
		fmt.Fprintf(&b, "outputs    %s\n", view.Outputs)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func countParts(counts result.Counts) []string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{counts.Succeeded, "succeeded"}, {counts.Failed, "failed"}, {counts.Unknown, "unknown"}, {counts.Skipped, "skipped"},
		{counts.Cancelled, "cancelled"}, {counts.Held, "held"}, {counts.Pending, "pending"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return parts
}

func (a *app) nowWriter(run engine.Run) func(io.Writer) error {
	return func(w io.Writer) error { return a.writeRun(w, result.OfRun(run)) }
}
