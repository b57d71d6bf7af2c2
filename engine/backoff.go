package engine

import (
	"time"

	"youmiflow/workflows"
)

// policy says how a step's calls are tried again.
type policy struct {
	attempts int // 0: for as long as it takes
	min, max time.Duration
}

// The engine's own policies. What proves that the platform could not be reached, or that it asks for patience (429),
// is tried for as long as it takes: an outage must change nothing but the time. Other failures that a repetition may
// mend get four attempts.
func policyFor(step *workflows.Step, outcome Outcome, handing bool) policy {
	if retry := step.Retry; retry != nil {
		return policy{attempts: retry.Attempts, min: retry.BackoffMin, max: retry.BackoffMax}
	}
	if outcome.State == Unreachable || outcome.RetryAfter > 0 {
		return policy{min: time.Second, max: 30 * time.Second}
	}
	if handing {
		return policy{attempts: 8, min: time.Second, max: 30 * time.Second} // nobody owns the conversation until it works
	}
	return policy{attempts: 4, min: time.Second, max: 30 * time.Second}
}

// next returns when to try again after so many attempts, and false when there is no more to come. The wait has full jitter:
// it is drawn evenly from everything between the minimum and a ceiling that is twice the minimum after the first attempt and
// doubles with each, up to the maximum. So no two items that failed together try again together, and none before the
// minimum. A minimum of 0 makes it the textbook's, with a ceiling that begins at a second. draw is Config.Jitter.
func (p policy) next(now time.Time, attempts int, draw func(int64) int64) (time.Time, bool) {
	if p.attempts > 0 && attempts >= p.attempts {
		return time.Time{}, false
	}
	base := p.min
	if base <= 0 {
		base = time.Second / 2
	}
	ceiling := p.max
	if attempts < 20 && base<<attempts < p.max {
		ceiling = base << attempts
	}
	wait := p.min
	if ceiling > p.min {
		wait += time.Duration(draw(int64(ceiling-p.min) + 1))
	}
	return now.Add(wait), true
}
