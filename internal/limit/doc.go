// Package limit says when a call may leave: it implements engine.Limiter over a Store that keeps buckets, so that all
// processes that share a store keep a limit together, and a restart forgets nothing.
//
// # How a bucket keeps its promises
//
// A bucket is one limit for one value of its `by`. It paces calls evenly by GCRA (generic cell rate algorithm): a
// theoretical arrival time moves on by one interval with every call, and a call may leave up to burst-1 intervals
// before it. Counting within windows, even exactly, was measured to overshoot by a third at the receiver.
//
// Calls do not come in the order of their instants. A call that has to wait for its account until tomorrow must leave
// the slots of today, in the limits it shares with others, to them. So a bucket's time is cut into slices, each with a
// row of its own in the store, in which the arrival time only moves on. What is passed over there belongs to this
// process as a lease, and later calls are let out of it; so does what is taken ahead of need where the rate is high.
// Only a crash loses it, which is the safe side.
//
// Slices do not know each other. None lets a call leave that would still weigh on the next, and each begins as if the
// one before had been used to its end; the state is carried over where that can be done once and for all.
//
// golang.org/x/time/rate is not used here: its limiter cannot start from a stored instant, take a slot that lies
// before another, or say how far it has moved on.
//
// It imports engine, workflows and internal/expression.
package limit
