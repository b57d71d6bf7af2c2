package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// askedBeyond is how many runs a backfill adds without asking.
const askedBeyond = 10

type backfillRequest struct {
	workflow, trigger string
	from, to          string
	yes               bool
}

func (a *app) scheduleBackfill() *cobra.Command {
	request := backfillRequest{}
	c := &cobra.Command{
		Use:   "backfill WORKFLOW [TRIGGER] --from TIME --to TIME",
		Short: "Run a workflow once for each instant of a span that has passed",
		Long: `Adds a run for each instant of the trigger from one time to another, both included, as if it had
been fired then. They run one behind the other, in the order of their instants, in the daemon.
Instants that have had their run are left out. Before it adds more than 10 runs, it asks.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, arguments []string) error {
			if request.from == "" || request.to == "" {
				return usage("write the span as --from TIME --to TIME, such as --from 2026-11-01 --to 2026-11-07")
			}
			request.workflow, request.trigger = arguments[0], slices.Concat(arguments[1:], []string{""})[0]
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.backfill(ctx, request) },
				func() error { return a.backfill(c.Context(), request) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&request.from, "from", "", "the first instant, such as 2026-11-01T10:00:00+08:00 or 2026-11-01")
	flags.StringVar(&request.to, "to", "", "the last instant; a date is meant to its end")
	flags.BoolVar(&request.yes, "yes", false, "do not ask")
	a.outputFlag(c)
	return c
}

func (a *app) backfill(ctx context.Context, request backfillRequest) error {
	t, err := a.openTimetable(ctx)
	if err != nil {
		return err
	}
	from, to, err := t.span(request.from, request.to)
	if err != nil {
		return err
	}
	planned, trigger, err := t.trigger(request.workflow, request.trigger)
	if err != nil {
		return err
	}
	if trigger.Event != "" {
		return usage("the trigger %q waits for events: it has no instants", trigger.Name)
	}
	if err := checkResting(t.project, planned.Workflow); err != nil {
		return err
	}
	return a.onLedger(ctx, t.project, a.sandbox, func(ctx context.Context, s *session) error {
		if err := s.checkApart(rehearseElsewhere); err != nil {
			return err
		}
		open, had, err := s.engine.Backfill(ctx, planned, trigger, from, to, a.sandbox)
		if refused := (*engine.BackfillError)(nil); errors.As(err, &refused) {
			return usage("%s", refused.Reason)
		}
		if err != nil {
			return err
		}
		if len(had) > 0 {
			a.say("%d instants of the span have had their run and are left out", len(had))
		}
		if len(open) > askedBeyond && !request.yes && !a.agreed(fmt.Sprintf("add %d runs of %s, from %s to %s?", len(open),
			planned.Name, open[0].Format(time.RFC3339), open[len(open)-1].Format(time.RFC3339))) {
			return usage("nothing was added; add --yes to agree beforehand")
		}
		return s.makeUp(ctx, planned, trigger, open)
	})
}

// span reads two times, of which the last is meant to its end when it is a date.
func (t *timetable) span(first, last string) (from, to time.Time, err error) {
	if from, err = t.time("--from", first); err != nil {
		return from, to, err
	}
	if to, err = t.time("--to", last); err != nil {
		return from, to, err
	}
	if _, err := time.Parse(time.DateOnly, last); err == nil {
		to = to.AddDate(0, 0, 1).Add(-time.Second)
		if now := time.Now(); to.After(now) && to.Sub(now) < 24*time.Hour {
			to = now // today is meant as far as it has come
		}
	}
	if to.Before(from) {
		return from, to, usage("--to %s lies before --from %s", last, first)
	}
	return from, to, nil
}

// agreed asks a question to which no answer is no.
func (a *app) agreed(question string) bool {
	fmt.Fprintf(a.Stderr, "%s [y/N] ", question)
	answer, err := bufio.NewReader(io.LimitReader(a.Stdin, 100)).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(a.Stderr)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

func (a *app) newBackfillListing() *listing {
	return newListing(a.output, a.Stdout, "RUN", "SCHEDULED", "STATUS")
}

// makeUp adds the runs in the order of their instants.
func (s *session) makeUp(ctx context.Context, planned engine.Planned, trigger *workflows.Trigger, open []time.Time) error {
	list := s.app.newBackfillListing()
	for _, at := range open {
		run, err := s.engine.MakeUp(ctx, planned, trigger, at, s.sandboxed)
		if errors.Is(err, engine.ErrExists) {
			s.app.say("the instant %s has got its run meanwhile and is left out", at.Format(time.RFC3339))
			continue
		}
		if err != nil {
			return errors.Join(err, list.end())
		}
		view := result.OfRun(run)
		view.ScheduledAt = &at // in the trigger's zone
		if err := list.add(view, backfillCells(view)...); err != nil {
			return err
		}
	}
	if ledger.Owner(s.database) == 0 {
		s.app.say("they begin once a daemon works on this project: %s", s.project.hint("youmiflow serve"))
	}
	return list.end()
}
