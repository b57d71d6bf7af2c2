package rehearsal

import (
	"context"
	"sync"
	"time"
)

// Clock is the time of one test. It goes on when it is told to: when a lane is due later, and when something is waited for.
// It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at an instant.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance goes on to an instant; one that has passed changes nothing.
func (c *Clock) Advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now = to
	}
}

// Timer lets a length of time pass at once. It fits engine.Config.Timer.
func (c *Clock) Timer(d time.Duration) (fired <-chan time.Time, stop func() bool) {
	c.Advance(c.Now().Add(d))
	ready := make(chan time.Time, 1)
	ready <- c.Now()
	return ready, func() bool { return false }
}

type deadlineKey struct{}

// WithTimeout gives a context whose time, on this clock, is up after d. Nothing ends the context when it is: Sleep says so. It
// fits the engine's and the client's WithTimeout.
func (c *Clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	at := c.Now().Add(d)
	if before, ok := ctx.Value(deadlineKey{}).(time.Time); ok && before.Before(at) {
		at = before
	}
	return context.WithValue(ctx, deadlineKey{}, at), func() {}
}

// Sleep lets time pass at once: d of it, or what the context has left, and then the error is context.DeadlineExceeded. It fits
// sandbox.Config.Sleep.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	until := c.Now().Add(d)
	if deadline, ok := ctx.Value(deadlineKey{}).(time.Time); ok && !until.Before(deadline) {
		c.Advance(deadline)
		return context.DeadlineExceeded
	}
	c.Advance(until)
	return nil
}
