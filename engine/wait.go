package engine

import (
	"context"
	"time"
)

// awaitSlot waits until the limits let the call leave. A slot that lies beyond what the item may wait here is kept in
// mind, so that it is used, and not taken anew, when the item goes on. It returns the slot; zero when nothing limits the call.
func (s *scope) awaitSlot(ctx context.Context, path string, request Request) (time.Time, error) {
	if err := s.mayGoOn(); err != nil {
		return time.Time{}, err
	}
	retry := slotKey{s.item.ID, path + "\x00retry"}
	if at, ok := s.earlier(retry); ok {
		s.turn.pause()
		err := s.waitUntil(ctx, at, retry, putOff{repeats: path})
		s.turn.proceed()
		if err != nil {
			return time.Time{}, err
		}
	}
	if len(s.engine.shared()) == 0 && len(s.active.limits()) == 0 {
		return time.Time{}, nil
	}
	key := slotKey{s.item.ID, path}
	at, ok := s.earlier(key)
	ok = ok && s.engine.Now().Sub(at) <= staleSlot // else its turn has passed while others of its lane were let go first
	slot := Slot{At: at}
	if !ok {
		var err error
		if slot, err = s.engine.Limiter.Reserve(ctx, s.limited(path, request), s.active.limits()); err != nil {
			return time.Time{}, s.asked(err)
		}
		if at = slot.At; slot.Cap && at.After(s.engine.Now()) {
			return time.Time{}, s.capped(slot.Limit, at)
		}
	}
	if at.Sub(s.engine.Now()) > longWait {
		s.active.waiting(at, s.waitsFor(slot, request))
	}
	if err := s.silent(path, slot); err != nil {
		return time.Time{}, err
	}
	now := s.engine.Now()
	if !ok && at.Before(now) {
		at = now // the past means at once
	}
	s.turn.waits(now, at)
	return at, s.waitUntil(ctx, at, key, putOff{slot: slot, account: request.Account})
}

// claim waits for leave to commit an intent.
func (s *scope) claim(ctx context.Context) error {
	if s.turn.gate.tryClaim() {
		return nil
	}
	s.turn.pause()
	defer s.turn.proceed()
	return s.turn.gate.claim(ctx)
}

// longWait is what a call may wait for its slot before people are told, and an item before its wait counts as long.
const longWait = time.Second

// waitUntil sleeps where that is short, and suspends the item where it is not.
func (s *scope) waitUntil(ctx context.Context, at time.Time, key slotKey, why putOff) error {
	for {
		now := s.engine.Now()
		if !at.After(now) {
			return nil
		}
		until, stop, leaving := s.patience()
		if at.After(until) {
			s.later(key, at, why)
			if s.cancelled() && !s.ending && !s.handing {
				return errCancelled
			}
			return &suspended{at: at, waits: s.waits(why, at)}
		}
		fired, stopTimer := s.engine.Timer(at.Sub(now))
		select {
		case <-fired:
		case <-stop:
		case <-leaving:
		case <-ctx.Done():
			stopTimer()
			return ctx.Err()
		}
		stopTimer()
	}
}

// patience returns the instant up to which the item may wait, and the channels that change it (nil once they have).
func (s *scope) patience() (until time.Time, stop, leaving <-chan struct{}) {
	wanted, since, stop := s.wanting()
	if !s.turn.leaving.now() {
		leaving = s.turn.leaving.channel()
	}
	switch {
	case s.handing:
		return s.turn.horizon, nil, leaving
	case wanted == WantRun:
		return s.turn.horizon, stop, leaving
	case wanted == WantCancel && s.ending:
		return s.turn.horizon, nil, leaving
	case wanted == WantPause && s.begun():
		return since.Add(s.engine.Grace), nil, leaving
	}
	return time.Time{}, nil, leaving
}

// mayGoOn stops the item before its next call when its run is to stop.
func (s *scope) mayGoOn() error {
	wanted, since, _ := s.wanting()
	switch {
	case wanted == WantRun || s.handing:
		return nil
	case wanted == WantCancel && s.ending:
		return nil
	case wanted == WantCancel:
		return errCancelled
	case s.begun() && s.engine.Now().Before(since.Add(s.engine.Grace)):
		return nil
	}
	return &suspended{}
}

// wanting is what is wanted of the item: what is wanted of its run, or a pause once the process is to stop.
func (s *scope) wanting() (Wanted, time.Time, <-chan struct{}) {
	wanted, since, stop := s.active.state()
	if wanted == WantRun && s.turn.leaving.now() {
		return WantPause, s.turn.leaving.at, nil
	}
	return wanted, since, stop
}
