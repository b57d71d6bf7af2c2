package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

func (a *app) backupAccept() *cobra.Command {
	var yes, unused bool
	c := &cobra.Command{
		Use:   "accept",
		Short: "Have a backup that stands in the ledger's place be the ledger",
		Long: `A backup does not know what was sent since it was made. To accept it as the ledger pauses every
run that was not over; those of their recipients who had got nothing by then become unknown, and get
nothing more from these runs. Instants of schedules that have passed are not made up for, whatever
their triggers say, and events that were not acted on yet, or wait for their run, start nothing.
Conversations that the backup knows to be held are handed back when a process next works on the ledger.

With --unused everything goes on as it was. Say that only of a backup after which nothing was sent,
such as one that was made while nobody worked on the ledger.

Without --yes it only says what it would do.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.acceptBackup(c.Context(), yes, unused)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "you have read what that means")
	c.Flags().BoolVar(&unused, "unused", false, "nobody has worked on the ledger since the backup was made")
	return c
}

func (a *app) acceptBackup(ctx context.Context, yes, unused bool) (err error) {
	project, err := a.openProject(".")
	if err != nil {
		return err
	}
	database, err := project.database()
	if err != nil {
		return err
	}
	there, err := ledger.OpenReadOnly(ctx, database) // none is made where there is none
	if err == nil {
		err = there.Close()
	}
	if err != nil && !errors.Is(err, ledger.ErrOlder) {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: database, Logger: a.logger(), Copy: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	of, err := l.Copied(ctx)
	if err != nil {
		return err
	}
	if of == nil {
		return usage("%s: %w", l.Path(), ledger.ErrNotCopy)
	}
	if !yes {
		return a.wouldAccept(ctx, l, *of, unused)
	}
	done, err := l.Accept(ctx, ledger.Acceptance{At: time.Now(), Who: person(a.Lookup), Unused: unused})
	if err != nil {
		return err
	}
	a.say("the backup of %s is the ledger from now on", a.zone.named(of.Made))
	for _, run := range done.Runs {
		a.say("run %s is paused; look at it before you resume it: %s", run, project.hint("youmiflow runs show "+run))
	}
	if len(done.Runs) > 0 {
		a.say("%s unknown; which: %s", counted(done.Items, "item"), project.hint("youmiflow runs items RUN --status unknown"))
	}
	if done.Events > 0 {
		a.say("no run is started for %s that waited", counted(done.Events, "event"))
	}
	if !unused {
		a.say("what was sent since %s counts in no limit: hold accounts that have sent much today with `youmiflow accounts trip`", a.zone.named(of.Made))
	}
	return nil
}

// wouldAccept says what there is to accept. It ends with the code of what keeps the ledger from being used.
func (a *app) wouldAccept(ctx context.Context, l *ledger.Ledger, of ledger.Copy, unused bool) error {
	open, err := l.Runs(ctx, engine.RunFilter{Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusPaused}})
	if err != nil {
		return err
	}
	for _, run := range open {
		a.say("run %s of %s was %s", run.ID, run.Workflow, run.Status)
	}
	waiting, err := l.CountWaiting(ctx)
	if err != nil {
		return err
	}
	events := map[string]int{}
	for of, n := range waiting {
		events[of.Workflow] += n
	}
	for _, workflow := range slices.Sorted(maps.Keys(events)) {
		a.say("%s waited for a run of %s", counted(events[workflow], "event"), workflow)
	}
	flags := "--yes"
	if unused {
		flags = "--unused --yes"
	}
	return invalid("the ledger is a backup of %s with %s that were not over. Look what they have sent since, then: youmiflow backup accept %s",
		a.zone.named(of.Made), counted(len(open), "run"), flags)
}

// sayCopy says of a ledger that is a backup which nobody has accepted that what it shows may be outdated.
func (a *app) sayCopy(ctx context.Context, project *project, l *ledger.Ledger) error {
	of, err := l.Copied(ctx)
	if err != nil || of == nil {
		return err
	}
	a.copied = true
	a.say("warning: the ledger is a backup of %s: it shows nothing of what came after, and nothing goes on before you say: %s",
		a.zone.named(of.Made), project.hint("youmiflow backup accept"))
	return nil
}

// heedBackup has the scheduler not fire again what was fired after a backup was made that stands in the ledger's place.
func (d *daemon) heedBackup(ctx context.Context) error {
	accepted, err := d.ledger.AcceptedAt(ctx)
	if err != nil {
		return fmt.Errorf("looking whether a backup was restored: %w", err)
	}
	d.scheduler.Since = accepted
	return nil
}
