package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web/result"
)

func (a *app) runsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "runs",
		Short: "What was run, and what became of every recipient",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.serverFlag(c)
	a.worldFlag(c, "rehearsals only: refuses a run for real, and with `last` passes it over")
	c.AddCommand(a.runsList(), a.runsShow(), a.runsItems(), a.runsCalls(), a.runsResume(), a.runsPause(), a.runsCancel(), a.runsSettle(),
		a.runsApprove(), a.runsReject())
	return c
}

func (a *app) runsList() *cobra.Command {
	var filter engine.RunFilter
	var statuses string
	c := &cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if filter.Statuses, err = parseStatuses(statuses, runStatuses()); err != nil {
				return err
			}
			filter.Sandbox = a.rehearsals()
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.listRuns(ctx, filter) }, func() error {
				return a.reading(c.Context(), func(ctx context.Context, l *ledger.Ledger) error { return a.listRuns(ctx, l, filter) })
			})
		},
	}
	c.Flags().StringVar(&filter.Workflow, "workflow", "", "only runs of this workflow")
	c.Flags().StringVar(&statuses, "status", "", "only these statuses, separated by commas")
	c.Flags().IntVar(&filter.Limit, "limit", 100, "at most so many; 0 for all")
	a.outputFlag(c)
	return c
}

// reading opens the ledger of the current project for reading; l is nil when there is none yet.
func (a *app) reading(ctx context.Context, read func(context.Context, *ledger.Ledger) error) error {
	project, err := a.openProject(".")
	if err != nil {
		return err
	}
	l, err := a.openReadOnly(ctx, project)
	if err != nil {
		return err
	}
	if l == nil {
		return read(ctx, nil)
	}
	return errors.Join(a.sayCopy(ctx, project, l), read(ctx, l), l.Close())
}

func (a *app) listRuns(ctx context.Context, l *ledger.Ledger, filter engine.RunFilter) error {
	list := a.newRunListing()
	if l != nil {
		runs, err := l.Runs(ctx, filter)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if run.Parent == nil {
				defer a.abandoned(ctx, l, run)
			}
			view := result.OfRun(run)
			if err := list.add(view, a.runCells(view)...); err != nil {
				return err
			}
		}
	}
	if list.count == 0 && a.output == "table" {
		a.say("no runs yet; start one with: youmiflow run FILE")
	}
	return list.end()
}

func (a *app) newRunListing() *listing {
	return newListing(a.output, a.Stdout, "ID", "WORKFLOW", "STATUS", "FOR", a.column("STARTED"), "ITEMS", "SUCCEEDED", "FAILED", "UNKNOWN", "SKIPPED",
		"CANCELLED", "HELD", "PENDING").sparingly("CANCELLED", "HELD", "PENDING")
}

// runCells are the row of a run in a table.
func (a *app) runCells(run result.Run) []string {
	workflow := run.Workflow
	if run.Parent != nil {
		workflow += ", called by " + run.Parent.Run
	}
	return []string{run.ID, workflow, string(run.Status), audienceOf(run), a.zone.cell(run.StartedAt), fmt.Sprint(run.Counts.Total), fmt.Sprint(run.Counts.Succeeded),
		fmt.Sprint(run.Counts.Failed), fmt.Sprint(run.Counts.Unknown), fmt.Sprint(run.Counts.Skipped),
		fmt.Sprint(run.Counts.Cancelled), fmt.Sprint(run.Counts.Held), fmt.Sprint(run.Counts.Pending)}
}

// abandoned says of a run that is under way that nobody works on it: its process died, or its daemon was stopped.
func (a *app) abandoned(ctx context.Context, l *ledger.Ledger, run engine.Run) {
	if run.Status != engine.StatusRunning && run.Status != engine.StatusPending || ledger.Owner(l.Path()) != 0 || a.copied {
		return
	}
	before, _, err := l.LastOwner(ctx, run.Sandbox)
	if err != nil {
		a.logger().Warn("it is not known whether a daemon has worked on the run", "run", run.ID, "error", err)
	}
	how := "go on with"
	if ofDaemon(run, before) {
		how = "it goes on when the daemon is started, or with"
	}
	a.say("no process works on run %s: %s: youmiflow runs resume %s", run.ID, how, run.ID)
}

// audienceOf says whom a run was for.
func audienceOf(run result.Run) string {
	audience := "customers"
	if run.Sandbox {
		audience = "sandbox"
	}
	if run.Test != nil {
		return fmt.Sprintf("%s, TEST to %s:%s", audience, run.Test.Account, run.Test.Friend)
	}
	return audience
}

func (a *app) runsShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run (its id, the beginning of it, or last)",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.showRun(ctx, arguments[0]) }, func() error {
				return a.reading(c.Context(), func(ctx context.Context, l *ledger.Ledger) error {
					run, err := a.findRun(ctx, l, arguments[0])
					if err != nil {
						return err
					}
					defer a.abandoned(ctx, l, run)
					return a.showRun(ctx, l, run)
				})
			})
		},
	}
	a.oneOutputFlag(c)
	return c
}

// findRun finds a run by its id, the beginning of its id, or the word last. With --sandbox there are rehearsals only.
func (a *app) findRun(ctx context.Context, l engine.Ledger, id string) (engine.Run, error) {
	if isNilLedger(l) {
		return engine.Run{}, usage("there is no run %s: nothing was run in this project yet", id)
	}
	run, err := l.Run(ctx, id)
	if err == nil && a.sandbox && !run.Sandbox {
		return run, realRun(run.ID)
	}
	if err == nil || !errors.Is(err, engine.ErrNotFound) {
		return run, err
	}
	runs, err := l.Runs(ctx, engine.RunFilter{Sandbox: a.rehearsals()})
	if err != nil {
		return run, err
	}
	own := func(run engine.Run) bool { return run.Parent == nil }
	if last := slices.IndexFunc(runs, own); id == "last" && last >= 0 {
		return runs[last], nil
	}
	matching := slices.DeleteFunc(runs, func(run engine.Run) bool { return !strings.HasPrefix(run.ID, id) })
	if first := slices.IndexFunc(matching, own); first >= 0 && !slices.ContainsFunc(matching[first+1:], own) {
		return matching[first], nil // the others are called by runs, and their ids begin with the same time
	}
	switch len(matching) {
	case 1:
		return matching[0], nil
	case 0:
		return run, usage("there is no run %s; see: youmiflow runs list", id)
	}
	return run, usage("%d runs begin with %s: give more of the id", len(matching), id)
}

// rehearsals keeps to rehearsals with --sandbox.
func (a *app) rehearsals() *bool {
	if a.sandbox {
		return &a.sandbox
	}
	return nil
}

// realRun refuses a run for real that was taken for a rehearsal.
func realRun(id string) error {
	return usage("run %s is a real one: leave --sandbox out if it is meant", id)
}

func isNilLedger(l engine.Ledger) bool {
	concrete, ok := l.(*ledger.Ledger)
	return ok && concrete == nil
}

func (a *app) runsItems() *cobra.Command {
	var statuses string
	c := &cobra.Command{
		Use:   "items RUN",
		Short: "What became of every recipient",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			wanted, err := parseStatuses(statuses, itemStatuses())
			if err != nil {
				return err
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.listItems(ctx, arguments[0], wanted) }, func() error {
				return a.reading(c.Context(), func(ctx context.Context, l *ledger.Ledger) error {
					return a.listItems(ctx, l, arguments[0], wanted)
				})
			})
		},
	}
	c.Flags().StringVar(&statuses, "status", "", "only these statuses, separated by commas, such as failed,unknown")
	a.outputFlag(c)
	return c
}

func (a *app) listItems(ctx context.Context, l *ledger.Ledger, id string, statuses []engine.Status) error {
	list := a.newItemListing()
	if l == nil {
		return a.nothingYet(list)
	}
	run, err := a.findRun(ctx, l, id)
	if err != nil {
		return err
	}
	filter := engine.ItemFilter{Run: run.ID, Statuses: statuses, Root: !run.Foreach}
	for item, err := range l.Items(ctx, filter) {
		if err != nil {
			return err
		}
		view, err := result.OfItem(ctx, l, item)
		if err != nil {
			return err
		}
		if err := list.add(view, itemCells(view)...); err != nil {
			return err
		}
	}
	if list.count == 0 {
		a.say("run %s has no items%s", run.ID, ofStatus(statuses))
	}
	return list.end()
}

func (a *app) newItemListing() *listing {
	return newListing(a.output, a.Stdout, "STEP", "ROW", "KEY", "LANE", "VARIANT", "WAVE", "STATUS", "REASON", "CALLS").sparingly("VARIANT", "WAVE")
}

// itemCells are the row of an item in a table. Its row in the list is the only way to find one that has no key.
func itemCells(item result.Item) []string {
	calls := make([]string, len(item.Calls))
	for i, call := range item.Calls {
		calls[i] = call.Step + " " + string(call.State)
	}
	return []string{item.Step, orBlank(item.Row), item.Key, item.Lane, item.Variant, orBlank(item.Wave), string(item.Status), item.Reason, strings.Join(calls, ", ")}
}

func ofStatus(statuses []engine.Status) string {
	if len(statuses) == 0 {
		return ""
	}
	return " that are " + strings.Join(words(statuses...), " or ")
}

func (a *app) runsCalls() *cobra.Command {
	c := &cobra.Command{
		Use:   "calls RUN",
		Short: "Every API call of a run",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.listCalls(ctx, arguments[0]) }, func() error {
				return a.reading(c.Context(), func(ctx context.Context, l *ledger.Ledger) error {
					return a.listCalls(ctx, l, arguments[0])
				})
			})
		},
	}
	a.outputFlag(c)
	return c
}

// orBlank is a number that counts from 1; 0 stands for none.
func orBlank(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// nothingYet prints the empty list of a project in which nothing was run: an absent ledger is no error.
func (a *app) nothingYet(list *listing) error {
	a.say("nothing was run in this project yet")
	return list.end()
}

func (a *app) listCalls(ctx context.Context, l *ledger.Ledger, id string) error {
	list := a.newCallListing()
	if l == nil {
		return a.nothingYet(list)
	}
	run, err := a.findRun(ctx, l, id)
	if err != nil {
		return err
	}
	for call, err := range l.Calls(ctx, engine.CallFilter{Run: run.ID}) {
		if err != nil {
			return err
		}
		view := result.OfCallInFull(call)
		if err := list.add(view, a.callCells(view)...); err != nil {
			return err
		}
	}
	return list.end()
}

func (a *app) newCallListing() *listing {
	return newListing(a.output, a.Stdout, a.column("STARTED"), "STEP", "OPERATION", "ACCOUNT", "FRIEND", "ATTEMPT", "STATE", "CODE", "MESSAGE")
}

// callCells are the row of a call in a table.
func (a *app) callCells(call result.CallInFull) []string {
	return []string{a.zone.cell(call.StartedAt), call.Step, call.Operation, call.Account, call.Friend, fmt.Sprint(call.Attempt), string(call.State),
		call.Code, call.Message}
}

// runStatuses and itemStatuses are where a run, or an item of one, can be.
func runStatuses() []string {
	return words(engine.StatusPending, engine.StatusRunning, engine.StatusPaused, engine.StatusSucceeded, engine.StatusPartial,
		engine.StatusFailed, engine.StatusCancelled)
}

func itemStatuses() []string {
	return words(engine.StatusPending, engine.StatusHeld, engine.StatusSucceeded, engine.StatusFailed, engine.StatusUnknown,
		engine.StatusSkipped, engine.StatusCancelled)
}

func words[T ~string](all ...T) []string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return texts
}

// parseStatuses reads --status. There are those of what is asked for; one of the other kind finds nothing, and is no slip.
func parseStatuses(text string, there []string) ([]engine.Status, error) {
	if text == "" {
		return nil, nil
	}
	var statuses []engine.Status
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if !slices.Contains(runStatuses(), word) && !slices.Contains(itemStatuses(), word) {
			meant := ""
			if near := diagnostic.Suggest(word, there); near != "" {
				meant = fmt.Sprintf(" (did you mean %q?)", near)
			}
			return nil, usage("--status %s: there is no such status%s; there are %s", word, meant, strings.Join(there, ", "))
		}
		statuses = append(statuses, engine.Status(word))
	}
	return statuses, nil
}
