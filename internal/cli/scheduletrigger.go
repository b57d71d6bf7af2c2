package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/client"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// triggerRequest is a run that is started by hand, as a trigger would.
type triggerRequest struct {
	workflow, trigger string
	overlap           string // "": the trigger's
	detach            bool
	options           sandboxFlags
}

func (a *app) scheduleTrigger() *cobra.Command {
	request := triggerRequest{}
	c := &cobra.Command{
		Use:   "trigger WORKFLOW [TRIGGER]",
		Short: "Run a workflow now, as a trigger of it would",
		Long: `Runs the workflow now with the params of the trigger, and watches it as "run" does. While another run
of the workflow is not over, the trigger's overlap says what happens: skip starts nothing and ends
with code 2, queue waits, cancel ends the other one first, allow runs both. --overlap says otherwise
for this once. --detach leaves the run to the daemon.

The trigger itself fires at its time all the same. TRIGGER is only needed where the workflow has
several.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, arguments []string) error {
			if err := request.check(c, a.server != "", a.sandbox); err != nil {
				return err
			}
			request.workflow, request.trigger = arguments[0], slices.Concat(arguments[1:], []string{""})[0]
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.triggerNow(ctx, request) },
				func() error { return a.triggerNow(c.Context(), request) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&request.overlap, "overlap", "", "instead of the trigger's: skip, queue, cancel or allow")
	flags.BoolVar(&request.detach, "detach", false, "leave the run to the daemon, and do not watch it")
	request.options.add(c)
	a.oneOutputFlag(c)
	return c
}

// check refuses flags that do not go together.
func (t *triggerRequest) check(c *cobra.Command, there, sandboxed bool) error {
	if overlaps := words(workflows.Overlaps()...); t.overlap != "" && !slices.Contains(overlaps, t.overlap) {
		meant := ""
		if near := diagnostic.Suggest(t.overlap, overlaps); near != "" {
			meant = ", did you mean " + near + "?"
		}
		return usage("--overlap %s: write skip, queue, cancel or allow%s", t.overlap, meant)
	}
	switch {
	case there:
		return t.options.without(c, "the daemon's has what it was started with")
	case t.detach:
		return t.options.without(c, "the daemon's has what it was started with, and --detach leaves the run to it")
	case !sandboxed:
		return t.options.without(c, "add --sandbox, or leave it out")
	}
	return nil
}

func (a *app) triggerNow(ctx context.Context, request triggerRequest) (err error) {
	t, err := a.openTimetable(ctx)
	if err != nil {
		return err
	}
	planned, trigger, err := t.trigger(request.workflow, request.trigger)
	if err != nil {
		return err
	}
	if trigger.Event != "" {
		return usage("the trigger %q waits for an event, and what its params are follows from the event", trigger.Name)
	}
	whole, err := planned.Workflow.Open()
	if err != nil {
		return err
	}
	if err := t.project.checkNames(whole); err != nil {
		return err
	}
	if request.detach {
		if err := checkDaemon(t.project); err != nil {
			return err
		}
	}
	s, err := a.openSession(ctx, t.project, planned.Workflow.Connection, a.sandbox, request.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	submission, err := s.engine.Triggered(planned, trigger, a.sandbox)
	if err != nil {
		return err
	}
	if !a.sandbox {
		a.warn(whole, t.project)
	}
	add := s.triggering(cmp.Or(workflows.Overlap(request.overlap), trigger.Overlap))
	if !request.detach {
		return s.startBy(ctx, submission, add)
	}
	if err := s.checkApart(rehearseElsewhere); err != nil {
		return err
	}
	run, err := add(ctx, submission)
	if err != nil {
		return err
	}
	a.say("the run is the daemon's; watch it with: %s", t.project.hint("youmiflow runs show "+run.ID))
	return a.printRun(result.OfRun(run))
}

// checkDaemon refuses to leave a run to nobody.
func checkDaemon(project *project) error {
	database, err := project.database()
	if err != nil {
		return err
	}
	if there, _ := daemonAt(database); !there {
		return usage("--detach: no daemon works on this project that the run could be left to: start one (%s), or leave --detach out",
			project.hint("youmiflow serve"))
	}
	return nil
}

// triggering adds a run, and says what it waits for, or what keeps it from being started.
func (s *session) triggering(overlap workflows.Overlap) func(context.Context, engine.Submission) (engine.Run, error) {
	return func(ctx context.Context, submission engine.Submission) (engine.Run, error) {
		run, err := s.engine.StartTriggered(ctx, submission, overlap)
		if skipped := (*engine.SkippedError)(nil); errors.As(err, &skipped) {
			return run, usage("%w; %s", err, s.app.wayOut(skipped.Run.ID, skipped.Run.Status, s.project.hint))
		}
		if err != nil {
			return run, err
		}
		ahead, err := engine.Ahead(ctx, s.ledger, run)
		for _, other := range ahead {
			s.app.say("it begins when run %s is over, which is %s", other.ID, s.app.standing(other, s.project.hint))
		}
		return run, err
	}
}

// wayOut says what can be done about a run that is in the way of another.
func (a *app) wayOut(id string, status engine.Status, hint func(string) string) string {
	const overrule = "start one all the same with --overlap allow, queue or cancel"
	switch {
	case id == "":
		return overrule
	case status == engine.StatusPaused:
		return "go on with it (" + hint("youmiflow runs resume "+id) + "), end it (" + hint("youmiflow runs cancel "+id) + "), or " + overrule
	}
	return "wait until it is over, or " + overrule
}

// standing is where a run is that another one waits for.
func (a *app) standing(run engine.Run, hint func(string) string) string {
	switch {
	case run.Wanted == engine.WantCancel:
		return "being cancelled"
	case run.Status == engine.StatusPaused:
		return "paused: go on with it (" + hint("youmiflow runs resume "+run.ID) + "), or end it (" + hint("youmiflow runs cancel "+run.ID) + ")"
	}
	return string(run.Status)
}

// triggerNow has a daemon elsewhere run a workflow as a trigger would, and stays with the run unless it is to be left.
func (r remote) triggerNow(ctx context.Context, request triggerRequest) error {
	workflow, err := r.Workflow(ctx, request.workflow)
	if err != nil {
		return err
	}
	if err := r.warn(ctx, workflow, r.app.sandbox); err != nil {
		return err
	}
	run, err := r.once(ctx, workflow, func(ctx context.Context, key string) (result.Run, error) {
		order := client.TriggerOrder{Trigger: request.trigger, Overlap: workflows.Overlap(request.overlap), Rehearsal: r.app.sandbox}
		return r.Trigger(ctx, request.workflow, order, key, patience)
	})
	if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "conflict" {
		return usage("%w; look at it with `%s`, or start one all the same with --overlap allow, queue or cancel", err,
			r.hint("youmiflow runs list --workflow "+request.workflow))
	}
	if err != nil {
		return err
	}
	if !request.detach {
		return r.attend(ctx, run.ID)
	}
	r.app.say("the run is the daemon's; watch it with: %s", r.hint("youmiflow runs show "+run.ID))
	return r.app.printRun(run)
}
