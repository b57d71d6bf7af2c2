package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

func (a *app) scheduleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schedule",
		Short: "What starts when by itself, and control over it",
		Long: `Shows and steers the triggers of the project's workflows. They start runs while the daemon
(youmiflow serve) is there; what it did not see, being away, is missed, and each trigger says what
becomes of that.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.serverFlag(c)
	a.worldFlag(c, "of rehearsals: what came of triggers, and runs that message nobody\n(a pause holds for rehearsals and for real runs alike)")
	c.AddCommand(a.scheduleList(), a.scheduleNext(), a.schedulePause(), a.scheduleResume(), a.scheduleTrigger(), a.scheduleBackfill())
	return c
}

// timetable is what the folder says of schedules.
type timetable struct {
	project  *project
	planned  []engine.Planned
	problems diagnostic.List        // of files that are left out
	waiting  map[engine.Backlog]int // events that wait, by trigger
	broken   map[string]bool        // workflows without a version; nil: those are found by the problems
}

// openTimetable reads the workflows of the project: those that its daemon goes by, else those of the folder.
func (a *app) openTimetable(ctx context.Context) (*timetable, error) {
	project, err := a.openProject(".")
	if err != nil {
		return nil, err
	}
	if t, err := a.inForce(ctx, project); t != nil || err != nil {
		return t, err
	}
	catalogue, err := a.planCatalogue(project, true)
	if err != nil {
		return nil, err
	}
	dir := project.config.Workflows
	list, problems := workflows.LoadFolder(dir, catalogue)
	t := &timetable{project: project, problems: problems}
	at := &checkout{}
	if len(list) > 0 {
		at = openCheckout(ctx, dir, dir)
	}
	for _, workflow := range list {
		t.planned = append(t.planned, engine.Planned{Name: workflow.Name, Workflow: workflow.Rest(catalogue), Commit: at.commitOf(workflow)})
	}
	slices.SortFunc(t.planned, func(a, b engine.Planned) int { return strings.Compare(a.Name, b.Name) })
	return t, nil
}

// folder is the folder of workflows as people know it.
func (t *timetable) folder() string {
	if short, err := filepath.Rel(t.project.dir, t.project.config.Workflows); err == nil && filepath.IsLocal(short) {
		return short
	}
	return t.project.config.Workflows
}

// errors are the files that cannot be used.
func (t *timetable) errors() diagnostic.List {
	return slices.DeleteFunc(slices.Clone(t.problems), func(d diagnostic.Diagnostic) bool { return d.Severity != diagnostic.Error })
}

// find returns the workflow of a name.
func (t *timetable) find(name string) (engine.Planned, error) {
	var names []string
	for _, planned := range t.planned {
		if planned.Name == name {
			return planned, nil
		}
		names = append(names, planned.Name)
	}
	suggestion := ""
	if near := diagnostic.Suggest(name, names); near != "" {
		suggestion = fmt.Sprintf(", did you mean %q?", near)
	}
	return engine.Planned{}, usage("there is no workflow %q in %s%s", name, t.folder(), suggestion)
}

// trigger returns the trigger of a workflow that is meant: "" is the only one.
func (t *timetable) trigger(workflow, name string) (engine.Planned, *workflows.Trigger, error) {
	planned, err := t.find(workflow)
	if err != nil {
		return planned, nil, err
	}
	var found []*workflows.Trigger
	var names []string
	for _, trigger := range planned.Workflow.Triggers {
		names = append(names, fmt.Sprintf("%q", trigger.Name))
		if name == "" || trigger.Name == name {
			found = append(found, trigger)
		}
	}
	switch {
	case len(names) == 0:
		return planned, nil, usage("the workflow %s has no triggers", workflow)
	case len(found) == 0:
		return planned, nil, usage("the workflow %s has no trigger %q: it has %s", workflow, name, strings.Join(names, ", "))
	case len(found) > 1:
		return planned, nil, usage("the workflow %s has several triggers, say which: %s", workflow, strings.Join(names, ", "))
	}
	return planned, found[0], nil
}

func (a *app) scheduleNext() *cobra.Command {
	var from string
	var count int
	c := &cobra.Command{
		Use:   "next",
		Short: "The instants to come, soonest first",
		Long: `Shows the instants at which runs will be started: by the workflows that the project's daemon has in
force, else from the files alone. It needs neither a daemon nor a ledger, and does not know what is
paused.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if count < 1 || count > 10_000 {
				return usage("--count %d: write how many of each trigger, from 1 to 10000", count)
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.nextInstants(ctx, from, count) },
				func() error { return a.nextFires(c.Context(), from, count) })
		},
	}
	c.Flags().StringVar(&from, "from", "", "count from this time, such as 2026-12-01T00:00:00+08:00 or 2026-12-01 (default: now)")
	c.Flags().IntVar(&count, "count", 1, "so many of each trigger")
	a.outputFlag(c)
	return c
}

func (a *app) nextFires(ctx context.Context, from string, count int) error {
	t, err := a.openTimetable(ctx)
	if err != nil {
		return err
	}
	after := time.Now()
	if from != "" {
		if after, err = t.time("--from", from); err != nil {
			return err
		}
		after = after.Add(-time.Nanosecond) // an instant at the very time is one to come
	}
	upcoming, err := engine.UpcomingFires(t.planned, t.project.config.Timezone, after, count)
	if err != nil {
		return err
	}
	if len(upcoming) == 0 && a.output == "table" {
		a.say("no workflow in %s starts at a time of its own", t.folder())
	}
	views := make([]result.Upcoming, len(upcoming))
	for i, one := range upcoming {
		views[i] = result.Upcoming{Workflow: one.Workflow, Trigger: one.Trigger, At: one.At}
	}
	if err := a.printUpcoming(views); err != nil {
		return err
	}
	return a.brokenFiles(t)
}

func (a *app) printUpcoming(views []result.Upcoming) error {
	list := newListing(a.output, a.Stdout, "AT", "WORKFLOW", "TRIGGER")
	for _, one := range views {
		if err := list.add(one, one.At.Format("2006-01-02 15:04:05 MST"), one.Workflow, one.Trigger); err != nil {
			return err
		}
	}
	return list.end()
}

// brokenFiles tells of files that cannot be used, and then ends with the code for that.
func (a *app) brokenFiles(t *timetable) error {
	broken := t.errors()
	if len(broken) == 0 {
		return nil
	}
	a.printDiagnostics(broken)
	return silently(exitInvalid, "workflows have errors")
}

// time reads a time, or a date on the project's clock.
func (t *timetable) time(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, t.project.config.Timezone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("%s %q: write a time such as 2026-12-01T10:00:00+08:00, or a date such as 2026-12-01", flag, text)
}

func (a *app) schedulePause() *cobra.Command {
	return a.pausing("pause", "Have triggers start nothing until they are resumed",
		`Without TRIGGER, all triggers of the workflow are paused, those that are added later too. Instants
that pass meanwhile are neither made up for nor counted as missed.`, (*engine.Engine).PauseSchedule, "is paused")
}

func (a *app) scheduleResume() *cobra.Command {
	return a.pausing("resume", "Have paused triggers start runs again",
		`Write it as the pause was written: with TRIGGER for that one, without for the workflow.`, (*engine.Engine).ResumeSchedule, "goes on")
}

func (a *app) pausing(word, short, long string, ask func(*engine.Engine, context.Context, string, string, string) error, done string) *cobra.Command {
	return &cobra.Command{
		Use:   word + " WORKFLOW [TRIGGER]",
		Short: short,
		Long:  short + ".\n" + long,
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, arguments []string) error {
			workflow, trigger := arguments[0], slices.Concat(arguments[1:], []string{""})[0]
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.steerSchedule(ctx, workflow, trigger, word, done) },
				func() error { return a.pauseHere(c.Context(), workflow, trigger, ask, done) })
		},
	}
}

// pauseHere pauses or resumes triggers in the ledger of this project; done says so.
func (a *app) pauseHere(ctx context.Context, workflow, trigger string, ask func(*engine.Engine, context.Context, string, string, string) error, done string) error {
	t, err := a.openTimetable(ctx)
	if err != nil {
		return err
	}
	rows, err := a.scheduleRows(ctx, t.project)
	if err != nil {
		return err
	}
	what, err := t.pausable(rows, workflow, trigger)
	if err != nil {
		return err
	}
	return a.onLedger(ctx, t.project, false, func(ctx context.Context, s *session) error {
		if err := ask(s.engine, ctx, workflow, trigger, person(a.Lookup)); err != nil {
			return err
		}
		a.say("%s %s", what, done)
		return nil
	})
}

// scheduleTitle names a trigger for people; "" is all of a workflow.
func scheduleTitle(workflow, trigger string) string {
	if trigger == "" {
		return "the schedule of " + workflow
	}
	return fmt.Sprintf("the trigger %q of %s", trigger, workflow)
}

// pausable names what is to be paused or resumed: what the folder has, or what the ledger remembers of a file that is
// broken or gone.
func (t *timetable) pausable(rows []engine.Schedule, workflow, trigger string) (string, error) {
	what := scheduleTitle(workflow, trigger)
	var err error
	if trigger == "" {
		_, err = t.find(workflow)
	} else {
		_, _, err = t.trigger(workflow, trigger)
	}
	if err == nil {
		return what, nil
	}
	for _, row := range rows {
		if row.Workflow == workflow && (trigger == "" || row.Trigger == trigger) {
			return what, nil
		}
	}
	return "", err
}

// scheduleRows are those that the ledger has; none where there is no ledger yet.
func (a *app) scheduleRows(ctx context.Context, project *project) (_ []engine.Schedule, err error) {
	l, err := a.openReadOnly(ctx, project)
	if err != nil || l == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.Schedules(ctx)
}

// waitingEvents counts the events that wait, by trigger, and says so of a ledger that is a backup.
func (a *app) waitingEvents(ctx context.Context, project *project) (_ map[engine.Backlog]int, err error) {
	l, err := a.openReadOnly(ctx, project)
	if err != nil || l == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := a.sayCopy(ctx, project, l); err != nil {
		return nil, err
	}
	return l.CountWaiting(ctx)
}

// onLedger opens the ledger for one change. Whoever works on it hears of the change by itself.
func (a *app) onLedger(ctx context.Context, project *project, sandboxed bool, do func(context.Context, *session) error) (err error) {
	s, err := a.openSession(ctx, project, "", sandboxed, sandboxFlags{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	return do(ctx, s)
}
