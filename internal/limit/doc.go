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
// Hourly and daily caps, and those of a warm-up's days, are counts of the calls of a window, taken from the store one by
// one. A rest counts the calls of all processes in spells, a frequency cap the contacts of each key with their instants:
// both stand in the state of a bucket of their own, and are changed in one step once the instant is certain, so that they
// are exact whatever other processes do. What is forgotten of either leaves an instant before which nothing is let out: a
// clock that is behind opens nothing again.
//
// The rows of a bucket in the store have the keys
//
//	KEY                         the slice entered last, and the hold
//	@INSTANT/LENGTH KEY         one slice
//	@hour INSTANT KEY, @day …   one window
//	@rest KEY                   the spells: at most 32 of about 12 bytes
//	@warm-up KEY                the days of use: at most as many as warm_up has, about 2 bytes each
//	@contacts KEY               the contacts of a frequency cap: 16 bytes for one, about 14 for each more, at most 2 max
//
// A call of a lower priority than others that came lately takes a slot further off. Only calls of one process know each
// other that way.
//
// golang.org/x/time/rate is not used here: its limiter cannot start from a stored instant, take a slot that lies
// before another, or say how far it has moved on.
//
// It imports engine, workflows and internal/expression.
package limit
