package limit

import (
	"context"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// Usage is how far one limit is used up for calls of one kind, such as the messages of an account.
type Usage struct {
	// Limit and Scope name the limit: Scope is "" for a shared one, else the workflow.
	Limit, Scope string
	// Hour and Day count the calls of the current clock hour and day in the project's time zone, those that have their slot
	// and have yet to leave included.
	Hour, Day Count
	// WarmUpDay is the day of use that today is, or would be, from 1 on; 0 when there is no warm-up, or it is over.
	WarmUpDay int
	// Spell counts the calls since the last rest.
	Spell Count
	// Contacts count those of the last span of the limit's Per.
	Contacts Count
	// Held is until when the platform has asked to wait; zero when it has not, or that has passed.
	Held time.Time
	// Next is the first instant at which another call could leave, other limits aside.
	Next time.Time
}

// Count is how much of what may be is used. Most is 0 where nothing is counted.
type Count struct{ Used, Most int }

// Usage tells, for each limit that matches a call, how far it is used up, from the store. It takes nothing: over a store
// that is only to be read, put an OverlayStore in between.
func (l *Limiter) Usage(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) ([]Usage, error) {
	var on way
	if err := l.way(&on, &call, own); err != nil {
		return nil, err
	}
	now := l.config.Now().UnixNano()
	var list []Usage
	for _, limits := range [2][]*workflows.Limit{*l.shared.Load(), own} {
		for _, limit := range limits {
			u := Usage{Limit: limit.Name, Scope: limit.Scope, Next: time.Unix(0, now).UTC()}
			matches, err := on.usage(ctx, l.config.Store, limit, &u, now)
			if err != nil {
				return nil, err
			}
			if matches {
				list = append(list, u)
			}
		}
	}
	return list, nil
}

// usage fills in what one limit has counted, and reports whether the call passes it.
func (on *way) usage(ctx context.Context, store Store, limit *workflows.Limit, u *Usage, now int64) (matches bool, err error) {
	for _, s := range on.stops {
		if s.rule.limit != limit {
			continue
		}
		if matches, err = true, s.usage(ctx, u, now); err != nil {
			return false, s.rule.failed(err)
		}
	}
	for _, c := range on.caps {
		if c.rule.limit != limit {
			continue
		}
		if matches, err = true, c.usage(ctx, store, u, now); err != nil {
			return false, c.rule.failed(err)
		}
	}
	return matches, nil
}

func (s *stop) usage(ctx context.Context, u *Usage, now int64) error {
	b := s.bucket
	if err := b.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer b.turn.Release(1)
	for _, w := range b.windows {
		if err := w.usage(ctx, b, u, now); err != nil {
			return err
		}
	}
	if s.rule.rest.after > 0 {
		if err := b.recall(ctx); err != nil {
			return err
		}
		u.Spell = Count{s.rule.rest.tired(&b.rested, now), s.rule.rest.after}
	}
	first, err := b.take(ctx, now, query{now: now, until: never, gap: s.gap, peek: true})
	if err != nil {
		return err
	}
	u.Next = time.Unix(0, first.at).UTC()
	if b.hold > now {
		u.Held = time.Unix(0, b.hold).UTC()
	}
	return nil
}

// usage tells how far the window of now is used up.
func (w *window) usage(ctx context.Context, b *bucket, u *Usage, now int64) error {
	most, err := w.cap(ctx, b, now)
	if err != nil {
		return err
	}
	start, _ := w.bounds(now)
	stored, err := b.view(ctx, w.keyOf(b.key, start))
	if err != nil {
		return err
	}
	_, used := w.fields(&stored)
	if !w.daily {
		u.Hour = Count{*used, most}
		return nil
	}
	u.Day = Count{*used, most}
	if b.warm.of(date(now, w.location)) > 0 {
		u.WarmUpDay = b.warm.before(date(now, w.location)) + 1
	}
	return nil
}

func (c *capStop) usage(ctx context.Context, store Store, u *Usage, now int64) error {
	known, err := c.read(ctx, store)
	if err != nil {
		return err
	}
	u.Contacts.Most = c.rule.frequency.most
	for _, one := range known.list {
		if one.last > now-c.rule.frequency.per {
			u.Contacts.Used++
		}
	}
	if next, _ := c.rule.frequency.admit(&known, 0, now); next > u.Next.UnixNano() {
		u.Next = time.Unix(0, next).UTC()
	}
	return nil
}
