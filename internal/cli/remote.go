package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/web/client"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// tokenVariable holds the token for the API of a daemon.
const tokenVariable = "YOUMIFLOW_TOKEN"

// remote is a daemon elsewhere that a command is meant for.
type remote struct {
	*client.Client
	app *app
	url string
}

// serverFlag adds --server to a command and those below it.
func (a *app) serverFlag(c *cobra.Command) {
	c.PersistentFlags().StringVar(&a.server, "server", "", "a daemon elsewhere that is meant, such as https://campaigns.example.com:8686\n(its token stands in "+tokenVariable+")")
}

// elsewhere has a command be about a daemon elsewhere when --server names one; else it is done here.
func (a *app) elsewhere(ctx context.Context, there func(context.Context, remote) error, here func() error) error {
	if a.server == "" {
		return here()
	}
	token, err := a.token()
	if err != nil {
		return err
	}
	a.seeZone()
	c, err := client.New(client.Config{URL: a.server, Token: token, UserAgent: "youmiflow/" + a.Version})
	if err != nil {
		return usage("--server: %v", err)
	}
	return there(ctx, remote{Client: c, app: a, url: a.server})
}

// seeZone has times be those of the project of the current folder, where there is one that can be read: a command that is for
// a daemon elsewhere needs none.
func (a *app) seeZone() {
	dir, found, err := a.findProject(".")
	if err != nil || !found {
		return
	}
	if config, problems := workflows.LoadProject(dir, a.Lookup); config != nil && !problems.HasErrors() {
		a.zone = newZone(config.Timezone, time.Now())
	}
}

// token is the one for the API: from the environment, else from .env beside youmiflow.yaml.
func (a *app) token() (workflows.Secret, error) {
	if text, ok := a.Lookup(tokenVariable); ok && text != "" {
		return workflows.NewSecret(text), nil
	}
	project, err := a.openProject(".")
	if err != nil {
		return workflows.Secret{}, err
	}
	text, ok := project.config.Variable(tokenVariable)
	if !ok || text == "" {
		return workflows.Secret{}, invalid("the environment variable %s is not set: a daemon answers only who has a token (docs/api.md)", tokenVariable)
	}
	return workflows.NewSecret(text), nil
}

// hint completes a command that a message suggests.
func (r remote) hint(command string) string { return r.app.atServer(command) }

// find finds a run by its id, the beginning of its id, or the word last.
func (r remote) find(ctx context.Context, id string) (result.Run, error) {
	if r.app.sandbox && id == "last" {
		return r.lastRehearsal(ctx)
	}
	run, err := r.Run(ctx, id)
	if err == nil && r.app.sandbox && !run.Sandbox {
		return run, realRun(run.ID)
	}
	missing := (*client.Error)(nil)
	if err == nil || !errors.As(err, &missing) || missing.Code != "not-found" || id == "last" {
		return run, err
	}
	var matching []result.Run
	for one, err := range r.Runs(ctx, engine.RunFilter{Limit: lookedThrough, Sandbox: r.app.rehearsals()}) {
		if err != nil {
			return run, err
		}
		if strings.HasPrefix(one.ID, id) {
			matching = append(matching, one)
		}
	}
	switch {
	case len(matching) == 0:
		return run, usage("there is no run %s; see: %s", id, r.hint("youmiflow runs list"))
	case len(matching) > 1:
		return run, usage("%d runs begin with %s: give more of the id", len(matching), id)
	}
	return r.Run(ctx, matching[0].ID)
}

// lastRehearsal is the newest rehearsal.
func (r remote) lastRehearsal(ctx context.Context) (result.Run, error) {
	for run, err := range r.Runs(ctx, engine.RunFilter{Limit: lookedThrough, Sandbox: r.app.rehearsals()}) {
		if err != nil || run.Parent == nil {
			return run, err
		}
	}
	return result.Run{}, usage("there is no rehearsal there; see: %s", r.hint("youmiflow runs list"))
}

// lookedThrough is how many runs are looked through for one whose id begins like that.
const lookedThrough = 1000

func (r remote) listRuns(ctx context.Context, filter engine.RunFilter) error {
	list := r.app.newRunListing()
	for run, err := range r.Runs(ctx, filter) {
		if err != nil {
			return err
		}
		if err := list.add(run, r.app.runCells(run)...); err != nil {
			return err
		}
	}
	return list.end()
}

func (r remote) showRun(ctx context.Context, id string) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	if err := r.explain(ctx, &run); err != nil {
		return err
	}
	return r.app.printRun(run)
}

func (r remote) listItems(ctx context.Context, id string, statuses []engine.Status) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	list := r.app.newItemListing()
	for item, err := range r.Items(ctx, run.ID, statuses) {
		if err != nil {
			return err
		}
		if err := list.add(item, itemCells(item)...); err != nil {
			return err
		}
	}
	if list.count == 0 {
		r.app.say("run %s has no items%s", run.ID, ofStatus(statuses))
	}
	return list.end()
}

func (r remote) listCalls(ctx context.Context, id string) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	list := r.app.newCallListing()
	for call, err := range r.Calls(ctx, run.ID) {
		if err != nil {
			return err
		}
		if err := list.add(call, r.app.callCells(call)...); err != nil {
			return err
		}
	}
	return list.end()
}

// patience is how long a daemon may be away while a run of it is watched: it may be started again.
const patience = time.Minute

// resume has a run go on, and watches it to its end.
func (r remote) resume(ctx context.Context, id string) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	if _, err := r.Steer(ctx, run.ID, "resume"); err != nil {
		return err
	}
	return r.attend(ctx, run.ID)
}

// watch looks at a run until it is as it should be, or over. Ctrl-C ends the looking only.
func (r remote) watch(ctx context.Context, id string, enough func(result.Run) bool) (last result.Run, err error) {
	ctx, stop := r.untilLeft(ctx)
	defer stop()
	for now, err := range r.Watch(ctx, id, patience) {
		if errors.Is(context.Cause(ctx), errLeft) {
			r.app.say("the run goes on without anybody watching; pause it with: %s", r.hint("youmiflow runs pause "+id))
			return last, silently(exitStopped, "interrupted")
		}
		if err != nil {
			return last, err
		}
		if last = now; enough(now) {
			return last, nil
		}
	}
	return last, nil
}

// untilLeft ends a context with errLeft at Ctrl-C, until stop is called.
func (r remote) untilLeft(ctx context.Context) (_ context.Context, stop func()) {
	ctx, end := context.WithCancelCause(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		select {
		case <-r.app.Interrupts:
			end(errLeft)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { end(nil); <-heard }
}

// errLeft says that nobody watches any more.
var errLeft = errors.New("nobody watches any more")

// bring asks for a run to be brought to a status, and waits until it is, or is over.
func (r remote) bring(ctx context.Context, id, word string, status engine.Status) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	if _, err := r.Steer(ctx, run.ID, word); err != nil {
		return err
	}
	run, err = r.watch(ctx, run.ID, func(now result.Run) bool { return now.Status == status || now.Status.Over() })
	if err != nil {
		return err
	}
	return r.app.printRun(run)
}

func (r remote) decide(ctx context.Context, id, step string, decision workflows.Decision, note string) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	run, err = r.Decide(ctx, run.ID, string(decision), step, note)
	if err != nil {
		return err
	}
	return r.app.printRun(run)
}

// clientExit is the code for what a daemon elsewhere has answered, or that it has not.
func clientExit(err error) (code int, known bool) {
	if errors.As(err, new(*client.DoubtError)) {
		return exitFailed, true
	}
	if errors.As(err, new(*client.UnreachableError)) {
		return exitInvalid, true
	}
	refused := (*client.Error)(nil)
	switch {
	case !errors.As(err, &refused):
		return 0, false
	case slices.Contains([]string{"params", "not-found", "state", "conflict", "query", "body", "backfill"}, refused.Code):
		return exitUsage, true
	case refused.Status >= 500 && refused.Code != "platform":
		return exitFailed, true
	}
	return exitInvalid, true
}
