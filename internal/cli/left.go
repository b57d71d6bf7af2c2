package cli

import (
	"context"
	"fmt"
	"time"

	"youmiflow/engine"
)

// recover decides about the runs that an earlier process left, and then says in the ledger who works on them from now on:
// whoever comes next has to know it, however this process ends.
func (s *session) recover(ctx context.Context, decide func(engine.Run) engine.Recovery) error {
	before, known, err := s.ledger.LastOwner(ctx, s.sandboxed)
	if err != nil {
		return err
	}
	if s.before = before; !known { // an older version did not say
		s.before = s.ownership.Left()
	}
	if err := s.engine.Recover(ctx, decide); err != nil {
		return err
	}
	if !known || before != s.role {
		if err := s.ledger.NoteOwner(ctx, s.sandboxed, s.role); err != nil {
			return fmt.Errorf("noting who works on the ledger: %w", err)
		}
	}
	for _, left := range s.suspended {
		s.app.say("run %s was left by a process that has ended: what it holds is handed back, then it is %s", left.id, left.then)
	}
	return nil
}

// daemonRole is what a daemon is as the ledger's owner.
const daemonRole = "daemon"

// recovery decides about the runs that an earlier process left: those that a living process waits for go on, the
// others are settled and wait. Those that a daemon worked on, or that started by themselves, wait for a daemon; the others
// for somebody to resume them.
func (s *session) recovery(mine string) func(engine.Run) engine.Recovery {
	return func(run engine.Run) engine.Recovery {
		switch {
		case run.Sandbox != s.sandboxed:
			return engine.Leave
		case run.ID == mine, s.ledger.Attended(run.ID):
			return engine.Drive
		case run.Status == engine.StatusPending && run.Trigger != engine.TriggerManual && run.Parent == nil:
			return engine.Leave // it has not begun, and the daemon that it waits for begins it
		}
		recovery, when := engine.Suspend, ""
		if ofDaemon(run, s.before) {
			recovery, when = engine.Interrupt, "when the daemon is started, or "
		}
		switch {
		case run.Resting(): // it was stopped in order, and nobody needs to hear of it
		case run.Wanted == engine.WantCancel:
			s.suspended = append(s.suspended, leftRun{run.ID, "cancelled, as it was to be"})
		default:
			s.suspended = append(s.suspended, leftRun{run.ID, "paused; " + when + "go on with: " + s.project.hint("youmiflow runs resume "+run.ID)})
		}
		return recovery
	}
}

// ofDaemon reports whether a run that nobody works on goes on when the daemon is started. before is what the process was that
// worked on it.
func ofDaemon(run engine.Run, before string) bool {
	return run.Interrupted() || run.Wanted == engine.WantRun && (before == daemonRole || run.Trigger != engine.TriggerManual)
}

// leftRun is a run that was under way when its process ended.
type leftRun struct {
	id   string
	then string // what becomes of it, for people
}

// settleWithin bounds how long a process stays to bring the runs of dead processes to rest.
const settleWithin = 10 * time.Second

// settle waits until the runs that dead processes left have handed back what they held. What cannot be had in time is
// left to the next process that opens the ledger.
func (s *session) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, left := range s.suspended {
		for {
			run, err := s.ledger.Run(ctx, left.id)
			if err != nil || run.Status.Over() || run.Status == engine.StatusPaused {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			case <-s.app.Interrupts:
				return
			}
		}
	}
}
