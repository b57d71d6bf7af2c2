package engine

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// gate bounds the calls of a foreach: at most concurrency in flight, and at most twice as many whose outcome is open,
// so that the intents of the next calls are committed while the last are in flight, and a crash leaves no more than
// two flights in doubt.
type gate struct {
	claims  *semaphore.Weighted
	flights *semaphore.Weighted
	width   int          // items begun and not ended, over all lanes
	lanes   atomic.Int64 // being worked on in this process
}

func newGate(concurrency int) *gate {
	return &gate{
		claims:  semaphore.NewWeighted(int64(2 * concurrency)),
		flights: semaphore.NewWeighted(int64(concurrency)),
		width:   2 * concurrency,
	}
}

// share is how many items one of the lanes may have begun: its part of the width, and one in any case. More would only
// hold conversations that nobody speaks in yet.
func (g *gate) share() int {
	lanes := max(1, int(g.lanes.Load()))
	return max(1, (g.width+lanes-1)/lanes)
}

// claim waits for leave to commit an intent; tryClaim takes it only when it is there at once.
func (g *gate) claim(ctx context.Context) error { return g.claims.Acquire(ctx, 1) }
func (g *gate) tryClaim() bool                  { return g.claims.TryAcquire(1) }

// settle gives the leave back once the outcome is known.
func (g *gate) settle() { g.claims.Release(1) }

// depart waits for leave to send, and land ends the flight.
func (g *gate) depart(ctx context.Context) error { return g.flights.Acquire(ctx, 1) }
func (g *gate) land()                            { g.flights.Release(1) }
