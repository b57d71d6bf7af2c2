package engine

import (
	"context"
	"time"
)

// Look starts the runs that are due, and returns the next instant of a trigger; zero when there is none. It is Run in
// single steps, for whoever drives the clock; the two must not be used at once.
func (s *Scheduler) Look(ctx context.Context) (next time.Time, err error) {
	if err := s.look(ctx); err != nil {
		return time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.watches {
		for _, w := range list {
			if !s.pausedAt(w) {
				next = sooner(next, w.next)
			}
		}
	}
	return next, nil
}

// Look acts on all events that were not acted on yet, and settles what they say of unknown calls. It is Run in single steps,
// for whoever drives the clock; the two must not be used at once.
func (w *EventWork) Look(ctx context.Context) error {
	w.settleAt = time.Time{}
	return w.look(ctx)
}
