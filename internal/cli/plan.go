package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// planRequest is what `plan` was asked for.
type planRequest struct {
	file     string
	params   []string
	problems string // where problems of rows go; "": the first of them are told
	against  string // a commit, or what names one; ""
	format   string
	test     *engine.Test
	samples  int // how many items are shown in full; 0: a few
}

func (a *app) planCommand() *cobra.Command {
	request := planRequest{}
	var test testFlags
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show every call before any is made: nothing is sent, nothing is kept",
		Long: `Goes through a workflow as a run would, on a clock of its own, and shows who would get what, and when:
with the limits and what they have counted so far, the send window, the deadline, waves and waits.
Nothing is sent and nothing is kept.

--against compares with the workflow and its lists as of a commit: who is added, who is removed, who
gets another text.

With --server, the daemon plans what it has itself: FILE is the name of a workflow, or a file of which
the daemon has the same text.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) (err error) {
			request.file = arguments[0]
			if request.test, err = test.recipient(c); err != nil {
				return err
			}
			if request.format != "text" && request.format != "markdown" {
				return usage("--format %q: use text or markdown", request.format)
			}
			if request.format == "markdown" && c.Flags().Changed("output") {
				return usage("--format markdown and --output do not go together")
			}
			if request.samples < 1 || request.samples > engine.MostPlanSamples {
				return usage("--samples %d: write 1 to %d", request.samples, engine.MostPlanSamples)
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.plan(ctx, request) },
				func() error { return a.plan(c.Context(), request) })
		},
	}
	flags := c.Flags()
	flags.StringArrayVarP(&request.params, "param", "p", nil, "a param of the workflow, as NAME=VALUE (may be repeated)")
	flags.StringVar(&request.problems, "problems", "", "write what is wrong with the rows of the list to this .csv or .xlsx file, all of it")
	flags.StringVar(&request.against, "against", "", "compare with the files as of this commit, branch or tag of the git repository they are in")
	flags.StringVar(&request.format, "format", "text", "text, or markdown for a pull request: without ids, names and numbers of customers")
	flags.IntVar(&request.samples, "samples", 3, "how many rows to show with the messages that they get: up to 1000, so all of a small list")
	test.add(c)
	a.serverFlag(c)
	a.oneOutputFlag(c)
	return c
}

func (a *app) plan(ctx context.Context, request planRequest) error {
	project, err := a.openProject(request.file)
	if err != nil {
		return err
	}
	p, err := a.newPlanning(project, request)
	if err != nil {
		return err
	}
	plan, err := p.plan(ctx)
	if err != nil {
		a.listProblems(err, request.problems != "")
		return err
	}
	if request.problems != "" {
		a.say("%s", noProblems(request.problems))
	}
	view := result.OfPlan(plan, a.planWarnings(p, plan, request.format == "markdown"))
	if request.against != "" {
		if view.Against, err = a.planAgainst(ctx, p, request); err != nil {
			return err
		}
	}
	if request.format == "markdown" {
		return writePlanMarkdown(a.Stdout, view, a.zone)
	}
	if err := a.one(view, func(w io.Writer) error { return writePlan(w, view, a.zone) }); err != nil {
		return err
	}
	a.say("to run just this: %s --plan %s", runCommand(request), plan.Digest)
	return nil
}

// runCommand is the command that runs what was planned.
func runCommand(request planRequest) string {
	command := "youmiflow run " + request.file
	for _, text := range request.params {
		command += " --param " + text
	}
	if test := request.test; test != nil {
		command += fmt.Sprintf(" --test-to %s:%s --rows %d", test.Account, test.Friend, test.Rows)
	}
	return command
}

// planning is what a plan is made of.
type planning struct {
	app         *app
	project     *project
	catalogue   *steps.Catalogue
	workflow    *workflows.Workflow
	values      map[string]any
	test        *engine.Test
	samples     int    // how many items are shown in full; 0: a few
	commit      string // that the workflow comes from; "" for files on disk
	sink        engine.ProblemSink
	suppression *suppression
	notes       []string // what the plan could not look at
}

func (a *app) newPlanning(project *project, request planRequest) (*planning, error) {
	p := &planning{app: a, project: project, test: request.test, samples: request.samples, suppression: newSuppression(project, a.logger())}
	var err error
	if p.catalogue, err = a.planCatalogue(project, false); err != nil {
		return nil, err
	}
	if p.workflow, err = a.loadWorkflow(request.file, p.catalogue); err != nil {
		return nil, err
	}
	if err := project.checkNames(p.workflow); err != nil {
		return nil, err
	}
	if p.values, err = params(p.workflow, request.params); err != nil {
		return nil, err
	}
	if request.problems != "" {
		p.sink = problemFile{request.problems, new(int)}
	}
	return p, p.suppression.load()
}

// planCatalogue is for a plan, which reads audiences: from files, and from the platform.
func (a *app) planCatalogue(project *project, sandboxed bool) (*steps.Catalogue, error) {
	config := a.catalogueConfig(project, newClients(project, a.Version, sandboxed))
	config.Logger = a.logger()
	return steps.New(config)
}

// plan goes through the workflow on a virtual clock, with what the limits have counted so far where there is a ledger.
func (p *planning) plan(ctx context.Context) (plan *engine.Plan, err error) {
	clock := &engine.VirtualClock{}
	config := p.config(clock)
	history, err := p.app.openReadOnly(ctx, p.project)
	switch {
	case errors.Is(err, ledger.ErrOlder):
		p.notes = append(p.notes, "what the limits have counted so far is left aside: the ledger was made by an older youmiflow, and the next run updates it")
	case err != nil:
		return nil, err
	case history != nil:
		defer func() { err = errors.Join(err, history.Close()) }()
		config.Ledger = history
		config.Limiter = p.limiter(limit.NewOverlayStore(history), clock)
	}
	plan, err = engine.New(config).PlanWith(ctx, p.submission(), clock, engine.PlanOptions{Samples: p.samples})
	if err != nil {
		return nil, &exit{code: exitInvalid, cause: err}
	}
	return plan, nil
}

// digest is that of the plan, without its times.
func (p *planning) digest(ctx context.Context) (string, error) {
	clock := &engine.VirtualClock{}
	digest, err := engine.New(p.config(clock)).PlanDigest(ctx, p.submission(), clock)
	if err != nil {
		return "", &exit{code: exitInvalid, cause: err}
	}
	return digest, nil
}

func (p *planning) submission() engine.Submission {
	return engine.Submission{Workflow: p.workflow, Params: p.values, Test: p.test, Commit: p.commit}
}

func (p *planning) config(clock *engine.VirtualClock) engine.Config {
	return engine.Config{
		Limiter: p.limiter(limit.NewMemoryStore(), clock), Steps: p.catalogue, Catalogue: p.catalogue, Limits: p.project.config.Limits,
		Problems: p.sink, Secrets: p.project.secrets(), Location: p.project.config.Timezone, Suppressed: p.suppression.has,
	}
}

func (p *planning) limiter(store limit.Store, clock *engine.VirtualClock) *limit.Limiter {
	return limit.New(limit.Config{Store: store, Shared: p.project.config.Limits, Now: clock.Now, Location: p.project.config.Timezone})
}

// planWarnings are what a person should know of a plan; private ones show nothing of any row.
func (a *app) planWarnings(p *planning, plan *engine.Plan, private bool) []string {
	warnings := []string{}
	for _, warning := range workflows.LimitWarnings(p.workflow, p.project.config.Limits) {
		warnings = append(warnings, warning.Message)
	}
	for _, warning := range connectionWarnings(p.workflow, p.project.config) {
		warnings = append(warnings, warning.Message)
	}
	for _, warning := range p.project.config.StopWarnings(p.workflow) {
		warnings = append(warnings, "stop_when: "+warning.Message)
	}
	warnings = append(warnings, p.notes...)
	warnings = append(warnings, plan.Notes...)
	if plan.Items.Held > 0 {
		warnings = append(warnings, fmt.Sprintf("%d items are held until somebody clears their account (youmiflow accounts), and whatever follows them waits too", plan.Items.Held))
	}
	if plan.Items.Selected == 0 && plan.Items.Total > 0 {
		warnings = append(warnings, "nobody is selected: see the reasons for which rows are skipped")
	}
	if plan.BrokenOff > 0 {
		warnings = append(warnings, fmt.Sprintf("%d items would break off after a message was sent to them", plan.BrokenOff))
	}
	if plan.FailureCount > 0 {
		warnings = append(warnings, fmt.Sprintf("%d items would fail before anything is sent to them", plan.FailureCount))
	}
	for _, failure := range plan.Failures {
		if private {
			warnings = append(warnings, "one of them fails at a row that is not shown here: youmiflow plan says which")
			break
		}
		warnings = append(warnings, fmt.Sprintf("item %s: %s", failure.Key, failure.Reason))
	}
	return warnings
}

func sortedKeys(counts map[string]int) []string {
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
