package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"youmiflow/engine"
)

// settleRequest is what is to be settled of a run, and how: with neither an item nor all, by the chats.
type settleRequest struct {
	item     string
	all, yes bool
	as       string
}

func (a *app) runsSettle() *cobra.Command {
	var request settleRequest
	c := &cobra.Command{
		Use:   "settle RUN",
		Short: "Find out what became of a run's unknown calls",
		Long: `Reads the chats of the run's unknown calls back: a message that the chat shows was sent. What it does
not show stays unknown, and you decide: --item KEY --as sent, or --as not-sent. KEY is the item's key, or
its number, from 1. --all --as not-sent settles all that is unknown in the same way, after it has said how
many items that are and asked; --yes agrees beforehand.

Nothing is sent in any of these. Who settled what is kept.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			if err := request.check(); err != nil {
				return err
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.settle(ctx, arguments[0], request) }, func() error {
				return a.controlling(c, arguments[0], nil, func(ctx context.Context, s *session, run engine.Run) error {
					return s.settleRun(ctx, run, request)
				})
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&request.item, "item", "", "the one item to settle by hand, by its key or number")
	flags.BoolVar(&request.all, "all", false, "settle everything by hand that is unknown")
	flags.StringVar(&request.as, "as", "", "how: sent or not-sent")
	flags.BoolVar(&request.yes, "yes", false, "do not ask (with --all)")
	a.oneOutputFlag(c)
	return c
}

// check refuses flags that do not say what is meant.
func (r settleRequest) check() error {
	switch {
	case r.item != "" && r.all:
		return usage("--item and --all do not go together: settle one item, or all of them")
	case r.yes && !r.all:
		return usage("--yes goes with --all: nothing else is asked")
	case (r.item != "" || r.all) != (r.as != ""):
		return usage("--item and --as go together: --item KEY --as sent, or --as not-sent; so do --all and --as")
	case r.as != "" && r.as != "sent" && r.as != "not-sent":
		return usage("--as %s: write sent or not-sent", r.as)
	}
	return nil
}

// settleRun settles one item by hand, or all of them, or all that the chats tell of.
func (s *session) settleRun(ctx context.Context, run engine.Run, request settleRequest) error {
	switch {
	case request.all:
		return s.settleAll(ctx, run, request)
	case request.item == "":
		return s.settleByChat(ctx, run)
	}
	found, err := s.findItem(ctx, run, request.item)
	if err != nil {
		return err
	}
	done, err := s.engine.SettleItem(ctx, found, request.as == "sent", person(s.app.Lookup))
	if errors.Is(err, engine.ErrNotUnknown) {
		return usage("item %s of run %s was settled meanwhile: there is nothing to settle", found.Key, run.ID)
	}
	if err != nil {
		return err
	}
	return s.showSettled(ctx, run, done)
}

// settleAll settles everything by hand that is unknown.
func (s *session) settleAll(ctx context.Context, run engine.Run, request settleRequest) error {
	doubt, err := engine.DoubtOf(ctx, s.ledger, run.ID)
	if err != nil {
		return err
	}
	many := fmt.Sprintf("%s (%s)", counted(doubt.Items, "unknown item"), counted(doubt.Messages, "message"))
	if err := s.app.agreeToAll(run.ID, many, doubt.Items, request); err != nil {
		return err
	}
	done, err := s.engine.SettleAll(ctx, run, request.as == "sent", person(s.app.Lookup))
	if err != nil {
		return err
	}
	return s.showSettled(ctx, run, done)
}

// agreeToAll says how many there are, and asks.
func (a *app) agreeToAll(run, many string, items int, request settleRequest) error {
	how := map[string]string{"sent": "sent", "not-sent": "not sent"}[request.as]
	switch {
	case items == 0: // nothing is asked about nothing
	case request.yes:
		a.say("run %s has %s, which are settled as %s", run, many, how)
	case !a.agreed(fmt.Sprintf("run %s has %s: settle all of them as %s?", run, many, how)):
		return usage("nothing was settled; add --yes to agree beforehand")
	}
	return nil
}

func (s *session) settleByChat(ctx context.Context, run engine.Run) error {
	if run.Sandbox {
		owner, err := s.own(ctx, s.recovery(""))
		if err != nil {
			return err
		}
		if !owner {
			return usage("the sandbox is in the process that owns the ledger: stop that first, or settle by hand with --item KEY --as sent")
		}
	}
	done, err := s.engine.SettleByChat(ctx, run, person(s.app.Lookup))
	if err != nil {
		return errors.Join(err, s.showSettled(ctx, run, done))
	}
	return s.showSettled(ctx, run, done)
}

// findItem finds an item by its key, else by its number.
func (s *session) findItem(ctx context.Context, run engine.Run, wanted string) (engine.Item, error) {
	item, err := engine.UnknownItem(ctx, s.ledger, run.ID, wanted)
	if errors.Is(err, engine.ErrNotFound) {
		return item, usage("run %s has no unknown item %s; see: youmiflow runs items %s --status unknown", run.ID, wanted, run.ID)
	}
	return item, err
}

func (s *session) showSettled(ctx context.Context, run engine.Run, done engine.Settlement) error {
	now, err := s.ledger.Run(ctx, run.ID)
	if err != nil {
		return err
	}
	doubt, err := engine.DoubtOf(ctx, s.ledger, run.ID)
	if err != nil {
		return err
	}
	s.app.say("%d settled, %d left", done.Settled, doubt.Messages)
	if done.Settled > 0 {
		reports, err := s.engine.Reports(ctx, now)
		if err != nil {
			return err
		}
		s.app.sayOutdated(reports, s.project.hint("youmiflow runs items "+run.ID+" --output csv --bom"))
	}
	return s.app.showRun(ctx, s.ledger, now)
}

// sayOutdated says of reports that they were written before something was settled.
func (a *app) sayOutdated(reports []string, instead string) {
	for _, report := range reports {
		a.say("%s shows what was known when it was written, and is not written again; what holds now: %s > FILE.csv", report, instead)
	}
}
