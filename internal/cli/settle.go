package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"youmiflow/engine"
)

func (a *app) runsSettle() *cobra.Command {
	var item, as string
	c := &cobra.Command{
		Use:   "settle RUN",
		Short: "Find out what became of a run's unknown calls",
		Long: `Reads the chats of the run's unknown calls back: a message that the chat shows was sent. What it does
not show stays unknown, and you decide: --item KEY --as sent, or --as not-sent. KEY is the item's key, or
its number, from 1. Nothing is sent in either way. Who settled what is kept.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			if (item == "") != (as == "") {
				return usage("--item and --as go together: --item KEY --as sent, or --as not-sent")
			}
			if as != "" && as != "sent" && as != "not-sent" {
				return usage("--as %s: write sent or not-sent", as)
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.settle(ctx, arguments[0], item, as) }, func() error {
				return a.controlling(c, arguments[0], nil, func(ctx context.Context, s *session, run engine.Run) error {
					return s.settleRun(ctx, run, item, as == "sent")
				})
			})
		},
	}
	c.Flags().StringVar(&item, "item", "", "the one item to settle by hand, by its key or number")
	c.Flags().StringVar(&as, "as", "", "how: sent or not-sent")
	a.oneOutputFlag(c)
	return c
}

// settleRun settles one item by hand, or all that the chats tell of.
func (s *session) settleRun(ctx context.Context, run engine.Run, item string, sent bool) error {
	if item == "" {
		return s.settleByChat(ctx, run)
	}
	found, err := s.findItem(ctx, run, item)
	if err != nil {
		return err
	}
	done, err := s.engine.SettleItem(ctx, found, sent, person(s.app.Lookup))
	if errors.Is(err, engine.ErrNotUnknown) || err == nil && done.Settled == 0 {
		return usage("item %s of run %s is %s: there is nothing to settle", found.Key, run.ID, found.Status)
	}
	if err != nil {
		return err
	}
	return s.showSettled(ctx, run, done)
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
	s.app.say("%d settled, %d left", done.Settled, now.Calls[engine.CallUnknown])
	return s.app.showRun(ctx, s.ledger, now)
}
