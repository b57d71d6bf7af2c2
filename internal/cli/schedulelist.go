package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

func (a *app) scheduleList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Every trigger: when it fires next, what came of it last, and whether it is paused",
		Long: `Shows every trigger of the project's workflows: of those that its daemon has in force, else of those
in the folder. A file with errors is named with its problems; the daemon goes on with the last
version of it that was good. So is a branch that the daemon cannot follow. Exit code 3 when there is
one.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.listSchedules(ctx) },
				func() error { return a.listSchedules(c.Context(), a.sandbox) })
		},
	}
	a.outputFlag(c)
	return c
}

func (a *app) listSchedules(ctx context.Context, sandboxed bool) error {
	t, err := a.openTimetable(ctx)
	if err != nil {
		return err
	}
	rows, err := a.scheduleRows(ctx, t.project)
	if err != nil {
		return err
	}
	if t.waiting, err = a.waitingEvents(ctx, t.project); err != nil {
		return err
	}
	views, err := t.views(rows, sandboxed, time.Now())
	if err != nil {
		return err
	}
	if len(views) == 0 && a.output == "table" {
		a.say("no workflow in %s has a trigger", t.folder())
	}
	if err := a.printSchedules(views); err != nil {
		return err
	}
	return a.brokenFiles(t)
}

func (a *app) printSchedules(views []result.Schedule) error {
	list := newListing(a.output, a.Stdout, "WORKFLOW", "TRIGGER", "STATE", a.column("NEXT"), "LAST", "OUTCOME", "MISSED", "WAITING")
	for _, view := range views {
		outcome := view.LastOutcome
		if view.LastReason != "" {
			outcome += ": " + view.LastReason
		}
		if err := list.add(view, view.Workflow, view.Trigger, view.State, a.zone.cell(view.Next), a.zone.cell(view.LastAt), outcome, fmt.Sprint(view.Missed), fmt.Sprint(view.Waiting)); err != nil {
			return err
		}
	}
	return list.end()
}

// scheduleName names a trigger; with trigger "", all of a workflow.
type scheduleName struct{ workflow, trigger string }

// views are the triggers of the folder, and those that only the ledger knows: of files that are broken, or gone. What came
// of them is that of rehearsals, or of real ones; a pause holds for both.
func (t *timetable) views(rows []engine.Schedule, sandboxed bool, now time.Time) ([]result.Schedule, error) {
	known, paused := map[scheduleName]engine.Schedule{}, map[scheduleName]bool{}
	for _, row := range rows {
		name := scheduleName{row.Workflow, row.Trigger}
		if row.Sandbox == sandboxed {
			known[name] = row
		}
		if row.Paused && !row.Sandbox {
			paused[name] = true
		}
	}
	isPaused := func(name scheduleName) bool { return paused[name] || paused[scheduleName{name.workflow, ""}] }
	broken := t.brokenNames()
	next := map[scheduleName]time.Time{}
	upcoming, err := engine.UpcomingFires(t.planned, t.project.config.Timezone, now, 1)
	if err != nil {
		return nil, err
	}
	for _, one := range upcoming {
		next[scheduleName{one.Workflow, one.Trigger}] = one.At
	}
	var views []result.Schedule
	there := map[string]bool{}
	for _, planned := range t.planned {
		there[planned.Name] = true
		for _, trigger := range planned.Workflow.Triggers {
			name := scheduleName{planned.Name, trigger.Name}
			view := viewSchedule(name, known[name])
			view.Waiting = t.waiting[engine.Backlog{Workflow: planned.Name, Trigger: trigger.Key, Sandbox: sandboxed}]
			if view.Next = result.When(next[name]); broken[planned.Name] {
				view.State = stateBroken
			}
			if isPaused(name) {
				view.State, view.Next = statePaused, nil
			}
			delete(known, name)
			views = append(views, view)
		}
	}
	for _, row := range rows {
		name := scheduleName{row.Workflow, row.Trigger}
		if _, left := known[name]; !left || row.Trigger == "" || row.Sandbox != sandboxed {
			continue
		}
		view := viewSchedule(name, row)
		if view.State = "gone"; !there[row.Workflow] && broken[row.Workflow] {
			view.State, view.Next = stateBroken, result.When(row.NextAt)
		}
		if isPaused(name) {
			view.State, view.Next = statePaused, nil
		}
		views = append(views, view)
	}
	return views, nil
}

const (
	statePaused = "paused"
	stateBroken = "broken"
)

func viewSchedule(name scheduleName, row engine.Schedule) result.Schedule {
	return result.Schedule{Workflow: name.workflow, Trigger: name.trigger, State: "active", LastAt: result.When(row.LastAt),
		LastOutcome: string(row.LastOutcome), LastReason: row.LastReason, LastRun: row.FiredRun,
		Fired: row.Fired, Skipped: row.Skipped, Missed: row.Missed}
}

// brokenNames are the workflows whose files cannot be used, as far as their names can be told.
func (t *timetable) brokenNames() map[string]bool {
	if t.broken != nil {
		return t.broken
	}
	names := map[string]bool{}
	for _, problem := range t.problems {
		if problem.Severity == diagnostic.Error && problem.Code != folder.CodeBranch {
			names[filepath.Base(stemOf(problem.File))] = true
			if source, err := os.ReadFile(problem.File); err == nil && workflows.GivenName(source) != "" {
				names[workflows.GivenName(source)] = true
			}
		}
	}
	return names
}
