package engine

import (
	"time"

	"youmiflow/workflows"
)

// CodeCopied is that of a run that comes from a backup, and of what it therefore does not send.
const CodeCopied = "restored"

// ReasonCopied says why nobody knows what became of an item of a run that comes from a backup.
func ReasonCopied(made time.Time) string {
	return "restored from a backup of " + made.UTC().Format(time.RFC3339) + ": what was sent since then is not known"
}

// copied reports whether the scope's run comes from a backup. It is brought to its end in order, but sends nothing: whatever
// it has not sent by the time of the backup it may have sent since.
func (s *scope) copied() bool { return !s.active.run.Copied.IsZero() }

// doubtful is the result of a message of such a run; nil of anything else, which may be done again.
func (s *scope) doubtful(step *workflows.Step, request Request) *result {
	if !s.copied() || request.Effect != workflows.EffectMessage || request.Team {
		return nil
	}
	r := s.result(step.Path)
	if r == nil {
		r = &result{}
	}
	r.Status, r.Sent = StatusUnknown, true
	r.Error = &Failure{Code: CodeCopied, Message: ReasonCopied(s.active.run.Copied)}
	s.keep(step.Path, r)
	return r
}

// honest corrects how an item of such a run ended that seems to have got nothing.
func (s *scope) honest(status Status, reason string) (Status, string) {
	if s.copied() && (status == StatusCancelled || status == StatusSkipped && reason != ReasonNoStep) {
		return StatusUnknown, ReasonCopied(s.active.run.Copied)
	}
	return status, reason
}

// unsure ends items of such a run that were not begun, together.
func unsure(run Run, end EndItems) EndItems {
	if !run.Copied.IsZero() {
		end.To, end.Reason = StatusUnknown, ReasonCopied(run.Copied)
	}
	return end
}
