package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
)

func (a *app) runsResume() *cobra.Command {
	var options sandboxFlags
	c := &cobra.Command{
		Use:   "resume RUN",
		Short: "Go on with a run that was stopped or interrupted",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.resume(ctx, arguments[0]) }, func() error {
				return a.controlling(c, arguments[0], &options, func(ctx context.Context, s *session, run engine.Run) error {
					if _, err := s.own(ctx, s.recovery(run.ID)); err != nil {
						return err
					}
					if err := s.checkApart("Stop the daemon first"); err != nil {
						return err
					}
					return s.attend(ctx, run.ID, func() error { return s.engine.Resume(ctx, run.ID) })
				})
			})
		},
	}
	options.add(c)
	a.oneOutputFlag(c)
	return c
}

func (a *app) runsPause() *cobra.Command {
	return a.steering("pause RUN", "Stop a run in order; it can be resumed", (*engine.Engine).Pause, engine.StatusPaused)
}

func (a *app) runsCancel() *cobra.Command {
	return a.steering("cancel RUN", "End a run for good: what was begun is finished in order, the rest is cancelled",
		(*engine.Engine).Cancel, engine.StatusCancelled)
}

// steering is a command that asks for a run to be brought to a status, and waits until it is.
func (a *app) steering(use, short string, ask func(*engine.Engine, context.Context, string) error, status engine.Status) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.bring(ctx, arguments[0], c.Name(), status) }, func() error {
				return a.controlling(c, arguments[0], nil, func(ctx context.Context, s *session, run engine.Run) error {
					return s.bring(ctx, run, func(ctx context.Context, id string) error { return ask(s.engine, ctx, id) }, status)
				})
			})
		},
	}
	a.oneOutputFlag(c)
	return c
}

// controlling opens the project's ledger for work on one run, in the sandbox when that is where the run is. With options
// the run is to go on, so that its connection must be good.
func (a *app) controlling(c *cobra.Command, id string, options *sandboxFlags, do func(context.Context, *session, engine.Run) error) (err error) {
	ctx := c.Context()
	project, err := a.openProject(".")
	if err != nil {
		return err
	}
	l, err := a.openReadOnly(ctx, project)
	if err != nil {
		return err
	}
	run, err := a.findRun(ctx, l, id)
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	if err != nil {
		return err
	}
	connection := ""
	if options == nil {
		options = &sandboxFlags{}
	} else if connection = run.Connection; !run.Sandbox {
		if err := options.without(c, "run "+run.ID+" is a real one"); err != nil {
			return err
		}
	}
	s, err := a.openSession(ctx, project, connection, run.Sandbox, *options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	return do(ctx, s, run)
}

// bring asks for a run to be brought to a status, and waits until it is, or is over.
func (s *session) bring(ctx context.Context, run engine.Run, ask func(context.Context, string) error, status engine.Status) error {
	if !run.Status.Over() {
		if err := s.checkApart("Stop the daemon first"); err != nil {
			return err
		}
	}
	if err := ask(ctx, run.ID); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.own(ctx, s.recovery(run.ID)); err != nil {
			return err
		}
		now, err := s.ledger.Run(ctx, run.ID)
		if err != nil {
			return err
		}
		if now.Status == status || now.Status.Over() {
			if err := s.app.one(result.OfRun(now), s.app.nowWriter(now)); err != nil {
				return err
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.app.Interrupts:
			return silently(exitStopped, "interrupted")
		}
	}
}
