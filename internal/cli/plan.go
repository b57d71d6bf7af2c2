package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
	"youmiflow/workflows"
)

func (a *app) planCommand() *cobra.Command {
	var given []string
	var problems string
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show every call before any is made: nothing is sent, nothing is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.plan(c.Context(), arguments[0], given, problems)
		},
	}
	c.Flags().StringArrayVarP(&given, "param", "p", nil, "a param of the workflow, as NAME=VALUE (may be repeated)")
	c.Flags().StringVar(&problems, "problems", "", "write what is wrong with the rows of the list to this .csv or .xlsx file, all of it")
	a.oneOutputFlag(c)
	return c
}

func (a *app) plan(ctx context.Context, file string, given []string, problems string) error {
	project, err := a.openProject(file)
	if err != nil {
		return err
	}
	catalogue, err := a.planCatalogue(project, false)
	if err != nil {
		return err
	}
	workflow, err := a.loadWorkflow(file, catalogue)
	if err != nil {
		return err
	}
	if err := checkSecrets(project, workflow); err != nil {
		return err
	}
	values, err := params(workflow, given)
	if err != nil {
		return err
	}
	var sink engine.ProblemSink
	if problems != "" {
		sink = problemFile{problems, new(int)}
	}
	plan, err := makePlan(ctx, project, catalogue, workflow, values, sink)
	if err != nil {
		a.listProblems(err, problems != "")
		return err
	}
	view := result.OfPlan(plan, a.planWarnings(workflow, project, plan))
	if err := a.one(view, func(w io.Writer) error { return writePlan(w, view) }); err != nil {
		return err
	}
	command := "youmiflow run " + file
	for _, text := range given {
		command += " --param " + text
	}
	a.say("to run just this: %s --plan %s", command, plan.Digest)
	return nil
}

// planCatalogue is for a plan, which reads audiences: from files, and from the platform.
func (a *app) planCatalogue(project *project, sandboxed bool) (*steps.Catalogue, error) {
	config := a.catalogueConfig(project, newClients(project, a.Version, sandboxed))
	config.Logger = a.logger()
	return steps.New(config)
}

// makePlan walks the workflow with a limiter of its own, on a virtual clock.
func makePlan(ctx context.Context, project *project, catalogue *steps.Catalogue, workflow *workflows.Workflow,
	values map[string]any, problems engine.ProblemSink) (*engine.Plan, error) {
	suppression := newSuppression(project, slog.New(slog.DiscardHandler))
	if err := suppression.load(); err != nil {
		return nil, err
	}
	clock := &engine.VirtualClock{}
	planner := engine.New(engine.Config{
		Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore(), Shared: project.config.Limits, Now: clock.Now, Location: project.config.Timezone}),
		Steps:   catalogue, Catalogue: catalogue, Limits: project.config.Limits, Problems: problems, Secrets: project.secrets(),
		Location: project.config.Timezone, Suppressed: suppression.has,
	})
	plan, err := planner.Plan(ctx, engine.Submission{Workflow: workflow, Params: values}, clock)
	if err != nil {
		return nil, &exit{code: exitInvalid, cause: err}
	}
	return plan, nil
}

func (a *app) planWarnings(workflow *workflows.Workflow, project *project, plan *engine.Plan) []string {
	warnings := []string{}
	for _, warning := range workflows.LimitWarnings(workflow, project.config.Limits) {
		warnings = append(warnings, warning.Message)
	}
	for _, warning := range connectionWarnings(workflow, project.config) {
		warnings = append(warnings, warning.Message)
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
		warnings = append(warnings, fmt.Sprintf("item %s: %s", failure.Key, failure.Reason))
	}
	return warnings
}

func writePlan(w io.Writer, plan result.Plan) error {
	var b strings.Builder
	fmt.Fprintf(&b, "plan       %s\nworkflow   %s\nitems      %d, %d selected\n", plan.Digest, plan.Workflow, plan.Items.Total, plan.Items.Selected)
	for _, reason := range sortedKeys(plan.Items.Skipped) {
		fmt.Fprintf(&b, "           %d skipped: %s\n", plan.Items.Skipped[reason], reason)
	}
	fmt.Fprintf(&b, "\ncalls\n")
	for _, operation := range sortedKeys(plan.Calls.ByOperation) {
		fmt.Fprintf(&b, "  %8d  %s\n", plan.Calls.ByOperation[operation], operation)
	}
	fmt.Fprintf(&b, "\naccounts\n")
	for _, account := range sortedKeys(plan.Calls.ByAccount) {
		name := account
		if name == "" {
			name = "(none)"
		}
		fmt.Fprintf(&b, "  %8d  %s\n", plan.Calls.ByAccount[account], name)
	}
	fmt.Fprintf(&b, "\nduration   %s at the limits, on a platform that answers at once\n", plan.Duration)
	if plan.FirstAt != nil {
		fmt.Fprintf(&b, "first      %s\nlast       %s\n", plan.FirstAt.Local().Format(time.DateTime), plan.LastAt.Local().Format(time.DateTime))
	}
	for _, sample := range plan.Samples {
		fmt.Fprintf(&b, "\nsample %s\n", sample.Key)
		for _, call := range sample.Calls {
			writeSample(&b, call)
		}
	}
	for _, warning := range plan.Warnings {
		fmt.Fprintf(&b, "\nwarning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sortedKeys(counts map[string]int) []string {
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
