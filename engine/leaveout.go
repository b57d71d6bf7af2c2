package engine

import (
	"time"
)

// leftOut is why the rest of an item is left out although the run goes on. It is no failure of a call: a customer to whom
// nothing was sent by then is skipped with the reason.
type leftOut struct{ code, reason string }

func (l *leftOut) Error() string { return l.reason }

// The codes of what is left out. They tell a failed item, to which something had been sent by then, from other failures.
const (
	codeDeadline   = "deadline"
	codeSuppressed = "suppressed"
	codeCapped     = "capped"
	codeTest       = "test"
)

// leaveOut ends what a step was to do, and with it the item's other steps; its finally still runs. A run's own step is
// skipped, and the next goes on.
func (s *scope) leaveOut(why *leftOut) *result {
	failure := &Failure{Code: why.code, Message: why.reason}
	if s.item.Step == "" || s.ending {
		return &result{Status: StatusSkipped, Error: failure}
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if s.kept.out == nil {
		s.kept.out = why
	}
	if s.kept.sent() && why.code != codeStopped {
		return &result{Status: StatusFailed, Error: failure}
	}
	return &result{Status: StatusSkipped, Error: failure}
}

// leftOut reports why the item's remaining steps are left out; nil when they are not.
func (s *scope) leftOut() *leftOut {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.out
}

// sent reports whether a message of the item was sent, or may have been.
func (k *kept) sent() bool {
	for _, r := range k.results {
		if r.Sent {
			return true
		}
	}
	return false
}

// tooLate is the result of a step that is not begun any more: the item is left out, or the deadline has passed.
func (s *scope) tooLate() *result {
	if s.item.Step == "" || s.ending || s.handing {
		return nil
	}
	if s.leftOut() != nil {
		return &result{Status: StatusSkipped}
	}
	if s.active.workflow.Deadline > 0 && s.active.expired(s.engine.Now()) {
		return s.leaveOut(&leftOut{codeDeadline, ReasonDeadline})
	}
	return nil
}

// outcome corrects how an item ended by what was left out of it.
func (s *scope) outcome(status Status, reason string) (Status, string) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	why := s.kept.out
	if status == StatusSucceeded && reason == "" {
		reason = s.kept.passedOver()
	}
	switch {
	case why == nil || status != StatusSucceeded && status != StatusSkipped:
		return status, reason
	case s.kept.sent() && why.code == codeStopped:
		return StatusSucceeded, "stopped: " + why.reason
	case s.kept.sent():
		return StatusFailed, (&Failure{Code: why.code, Message: why.reason}).text()
	}
	return StatusSkipped, why.reason
}

// deadline is the instant after which nothing of the run is begun; zero: none, or not known before the run starts.
func (a *activeRun) deadline() time.Time {
	if a.workflow.Deadline <= 0 {
		return time.Time{}
	}
	from := a.run.ScheduledAt
	if from.IsZero() {
		a.mu.Lock()
		from = a.run.StartedAt
		a.mu.Unlock()
	}
	if from.IsZero() {
		return time.Time{}
	}
	return from.Add(a.workflow.Deadline)
}

// expired reports whether the run's deadline has passed.
func (a *activeRun) expired(now time.Time) bool {
	deadline := a.deadline()
	return !deadline.IsZero() && !now.Before(deadline)
}

// started notes when the run began, which its deadline may count from.
func (a *activeRun) started(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.run.StartedAt.IsZero() {
		a.run.StartedAt = at
	}
}

// sooner is the earlier of two instants; the zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
