package engine

import (
	"context"
	"fmt"
	"time"

	"youmiflow/workflows"
)

// Limiter says when a call may leave. It never sleeps: it answers with an instant, and the engine waits.
type Limiter interface {
	// Reserve takes the next free slot in every limit that matches the call, shared ones and the workflow's own: the
	// first instant at which all of them, and the call's own Earliest, allow it. The slot is durable on return, so that
	// no crash and no other process hands it out again. A slot that is not used is lost. The error is a *CapError when a
	// limit says that such a call is to be skipped, and a *LateError when the first slot comes after call.Until; then no
	// slot is taken. None is taken either for a slot whose Cap is true: ask again at its instant.
	Reserve(ctx context.Context, call LimitedCall, own []*workflows.Limit) (Slot, error)
	// Hold keeps every call that shares a bucket with this one back until then.
	Hold(ctx context.Context, call LimitedCall, own []*workflows.Limit, until time.Time) error
}

// Slot is leave to make a call.
type Slot struct {
	// At is when; the past or now means at once.
	At time.Time
	// Limit names the limit that put the call off furthest; "" when none did.
	Limit string
	// Rule is the part of that limit that did: one of the Rules.
	Rule Rule
	// Cap says that this limit is a frequency cap (Limit.Max) that is reached until At: the call waits alone, and others of
	// its lane go on. Nothing has been taken: whoever waits asks again at At.
	Cap bool
}

// Rule is a part of a limit that puts calls off.
type Rule string

// The rules. What is none of these is a rate, a gap, or a hold.
const (
	RuleRest   Rule = "rest"
	RuleHourly Rule = "hourly"
	RuleDaily  Rule = "daily"
	RuleWarmUp Rule = "warm_up"
)

// CapError says that a frequency cap is reached, and that its `over` is skip.
type CapError struct {
	Limit string
	Until time.Time // when the cap would let the next one pass
}

func (c *CapError) Error() string {
	return fmt.Sprintf("the limit %s is reached, until %s", c.Limit, c.Until.Format(time.RFC3339))
}

// LateError says that a call cannot leave in time.
type LateError struct {
	At    time.Time // an instant after call.Until, before which there is no slot
	Limit string    // that says so; "" when it is the call's own Earliest
}

func (l *LateError) Error() string {
	return fmt.Sprintf("there is no slot before %s", l.At.Format(time.RFC3339))
}

// LimitedCall is what `call` holds in a limit's expressions, and the seed of its gaps.
type LimitedCall struct {
	Connection string
	Workflow   string
	Operation  string
	Effect     workflows.Effect
	Account    string
	Friend     string
	Seed       uint64 // of the run's plan and the item, so that a plan shows the gaps the run will keep
	// Contact tells the item: calls of one contact count once against a frequency cap. "" is a contact of its own.
	Contact string
	// Uncapped calls are those of a test send: frequency caps (Limit.Max) do not hold for them, nor count them.
	Uncapped bool
	Priority int
	// Earliest returns the first instant at or after t at which the call may leave, such as the next opening of a send
	// window; nil: any.
	Earliest func(t time.Time) time.Time
	// Until is the last instant at which the call may leave; zero: any.
	Until time.Time
	// Peek asks when the call could leave, and takes nothing: no slot, no contact. A conversation is only applied for when
	// its first message may leave soon.
	Peek bool
}

// Bucket is the state of one limit for one key. A limiter stores it as it likes; the ledger only keeps it.
type Bucket struct {
	Key string // limit's scope and name, and the value of `by`
	// Arrival is the theoretical arrival time (GCRA) of the next call.
	Arrival time.Time
	// NotBefore is the earliest next call, from gaps and holds.
	NotBefore time.Time
	// Hour and Day are the starts of the windows that HourCount and DayCount count.
	Hour, Day           time.Time
	HourCount, DayCount int
	// State is whatever else the limiter has to remember of this limit and key; nil: nothing.
	State []byte
}
