package cli

import (
	"context"
	"slices"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
)

// sameWorld refuses --sandbox where the daemon works for real: it shows, and changes, what is of the world that it works in.
func (r remote) sameWorld(ctx context.Context) error {
	if !r.app.sandbox {
		return nil
	}
	there, err := r.Version(ctx)
	if err == nil && !there.Sandbox {
		err = invalid("--sandbox: the daemon at %s works for real: leave it out if that is meant", r.url)
	}
	return err
}

func (r remote) listAccounts(ctx context.Context) error {
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	list, err := r.Accounts(ctx)
	if err != nil {
		return err
	}
	return r.app.printAccounts(list)
}

func (r remote) tripAccount(ctx context.Context, connection, account, reason string, span time.Duration) error {
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	if err := r.TripAccount(ctx, connection, account, reason, span); err != nil {
		return err
	}
	r.app.say("the calls of account %s are held; let them go on with: %s", account, r.hint("youmiflow accounts clear "+account))
	return nil
}

func (r remote) clearAccount(ctx context.Context, connection, account string) error {
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	if err := r.ClearAccount(ctx, connection, account); err != nil {
		return err
	}
	r.app.say("the calls of account %s go on", account)
	return nil
}

// settle settles what is unknown there: one item or all by hand, or what the chats tell of.
func (r remote) settle(ctx context.Context, id string, request settleRequest) error {
	run, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	if request.all {
		if err := r.app.agreeToAll(run.ID, counted(run.Counts.Unknown, "unknown item"), run.Counts.Unknown, request); err != nil {
			return err
		}
	}
	done, err := r.Settle(ctx, run.ID, request.item, request.all, request.as)
	if err != nil {
		return err
	}
	r.app.say("%d settled, %d left", done.Settled, done.Left)
	r.app.sayOutdated(done.Reports, r.hint("youmiflow runs items "+run.ID+" --output csv --bom"))
	return r.app.printRun(done.Run)
}

// doctor prints what the daemon there finds about itself.
func (r remote) doctor(ctx context.Context, chosen bool) error {
	if chosen {
		return usage("--connection does not go with --server: a daemon looks at all of its connections")
	}
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	findings, err := r.Doctor(ctx)
	if err != nil {
		return err
	}
	return (&checkup{app: r.app, findings: findings}).report()
}

func (r remote) listSchedules(ctx context.Context) error {
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	list, err := r.Schedules(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 && r.app.output == "table" {
		r.app.say("no workflow there has a trigger")
	}
	if err := r.app.printSchedules(list); err != nil {
		return err
	}
	return r.brokenFiles(ctx)
}

// brokenFiles tells of what the daemon there cannot use, and then ends with the code for that.
func (r remote) brokenFiles(ctx context.Context) error {
	problems, err := r.Problems(ctx, "")
	if err != nil {
		return err
	}
	problems = slices.DeleteFunc(problems, func(d diagnostic.Diagnostic) bool { return d.Severity != diagnostic.Error })
	if len(problems) == 0 {
		return nil
	}
	r.app.printDiagnosticsOf(problems, theirs{}.read)
	return silently(exitInvalid, "workflows have errors")
}

func (r remote) nextInstants(ctx context.Context, from string, count int) error {
	var after time.Time
	if from != "" {
		var err error
		if after, err = exactTime("--from", from); err != nil {
			return err
		}
	}
	list, err := r.Next(ctx, after, count)
	if err != nil {
		return err
	}
	if len(list) == 0 && r.app.output == "table" {
		r.app.say("no workflow there starts at a time of its own")
	}
	if err := r.app.printUpcoming(list); err != nil {
		return err
	}
	return r.brokenFiles(ctx)
}

// steerSchedule pauses or resumes triggers; done says so.
func (r remote) steerSchedule(ctx context.Context, workflow, trigger, word, done string) error {
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	if err := r.SteerSchedule(ctx, workflow, trigger, word); err != nil {
		return err
	}
	r.app.say("%s %s", scheduleTitle(workflow, trigger), done)
	return nil
}

func (r remote) backfill(ctx context.Context, request backfillRequest) error {
	if !request.yes {
		return usage("add --yes: how many runs a backfill adds is only known at the daemon (at most 1000)")
	}
	if err := r.sameWorld(ctx); err != nil {
		return err
	}
	from, err := exactTime("--from", request.from)
	if err != nil {
		return err
	}
	to, err := exactTime("--to", request.to)
	if err != nil {
		return err
	}
	runs, err := r.Backfill(ctx, request.workflow, request.trigger, from, to)
	if err != nil {
		return err
	}
	list := r.app.newBackfillListing()
	for _, run := range runs {
		if err := list.add(run, backfillCells(run)...); err != nil {
			return err
		}
	}
	return list.end()
}

// exactTime reads a time with its zone: a date alone would be meant in the daemon's zone, and read in this machine's.
func exactTime(flag, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usage("%s %q: with --server, write a time with its zone, such as 2026-12-01T10:00:00+08:00", flag, text)
	}
	return at, nil
}

func backfillCells(run result.Run) []string {
	at := ""
	if run.ScheduledAt != nil {
		at = run.ScheduledAt.Format("2006-01-02 15:04:05 MST")
	}
	return []string{run.ID, at, string(run.Status)}
}
