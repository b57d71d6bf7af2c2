package cli

import (
	"context"
	"fmt"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

// recover decides about the runs that an earlier process left, and then says in the ledger who works on them from now on:
// whoever comes next has to know it, however this process ends.
func (s *session) recover(ctx context.Context, decide func(engine.Run) engine.Recovery) error {
	before, known, err := s.ledger.LastOwner(ctx, s.sandboxed)
	if err != nil {
		return err
	}
	if s.before = before; !known { // an older version did not say
		if s.before = s.ownership.Left(); s.before == rehearsingRole {
			s.before = daemonRole
		}
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

// What a daemon is as the ledger's owner. Who finds the ledger taken has to know as well whether it rehearses.
const (
	daemonRole     = "daemon"
	rehearsingRole = "daemon in the sandbox"
)

// lockRole is what this process is for those that find the ledger taken.
func (s *session) lockRole() string {
	if s.role == daemonRole && s.sandboxed {
		return rehearsingRole
	}
	return s.role
}

// daemonAt reports whether a daemon works on the ledger, and whether that rehearses.
func daemonAt(database string) (there, rehearses bool) {
	role := ledger.OwnerRole(database)
	return role == daemonRole || role == rehearsingRole, role == rehearsingRole
}

// apart reports whether a daemon of the other world works on the ledger: what this session begins would wait for as long as
// that lives.
func (s *session) apart() bool {
	there, rehearses := daemonAt(s.database)
	return there && rehearses != s.sandboxed
}

// rehearseElsewhere is what can be done in place of a rehearsal beside a daemon that works for real.
const rehearseElsewhere = "Rehearse in a copy of the folder, or with the --project of another one; or stop the daemon first"

// checkApart refuses what would wait for as long as the daemon lives that works on the ledger: a run, or a change of one. instead
// is what can be done about a rehearsal.
func (s *session) checkApart(instead string) error {
	if !s.apart() {
		return nil
	}
	if s.sandboxed {
		return usage("the daemon that works on this project (process %d) works for real, and leaves rehearsals alone: nothing was done. %s", ledger.Owner(s.database), instead)
	}
	return usage("the daemon that works on this project (process %d) rehearses, and leaves real runs alone: nothing was done. "+
		"Stop the daemon first, and start it without --sandbox", ledger.Owner(s.database))
}

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
