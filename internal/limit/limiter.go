package limit

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// Config is what a Limiter needs.
type Config struct {
	// Store keeps the buckets. Required.
	Store Store
	// Shared are the limits of youmiflow.yaml: every call of every workflow passes them. Default: none.
	Shared []*workflows.Limit
	// Location is the time zone in which hourly and daily caps count. Default: UTC.
	Location *time.Location
	// Now is the time. A plan gives a virtual one. Default: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// mostBuckets bounds the buckets that are held in memory. One that is dropped costs what it has leased, no more.
const mostBuckets = 20_000

// Limiter implements engine.Limiter. It is safe for concurrent use.
type Limiter struct {
	config Config

	mu      sync.Mutex
	rules   map[*workflows.Limit]*rule
	answers map[question]answer
	buckets map[string]*bucket
	served  int // slots since the store last forgot
}

var _ engine.Limiter = (*Limiter)(nil)

// New returns a limiter. It starts nothing and needs no end.
func New(config Config) *Limiter {
	return &Limiter{
		config: config.withDefaults(), rules: map[*workflows.Limit]*rule{},
		answers: map[question]answer{}, buckets: map[string]*bucket{},
	}
}

// Reserve implements engine.Limiter. Without a limit that matches, the answer is call.Earliest of now.
func (l *Limiter) Reserve(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) (engine.Slot, error) {
	now := l.config.Now()
	on, err := l.way(call, own)
	if err != nil {
		return engine.Slot{}, err
	}
	p := passage{
		stops: on.stops, now: now.UnixNano(), from: now.UnixNano(), until: lastInstant(call.Until),
		earliest: firstInstant(call.Earliest), seed: call.Seed, peek: call.Peek,
	}
	if len(on.caps) > 0 {
		from, refused, err := peek(ctx, l.config.Store, on.caps, p.earliest(p.now))
		if err != nil {
			return engine.Slot{}, err
		}
		p.from = from
		if refused != nil {
			return refused.answer(p.earliest, p.until)
		}
	}
	at, err := p.run(ctx)
	if err != nil {
		return engine.Slot{}, err
	}
	if len(on.caps) > 0 {
		refused, err := l.count(ctx, on, at, &p)
		if err != nil {
			return engine.Slot{}, err
		}
		if refused != nil {
			return refused.answer(p.earliest, p.until)
		}
	}
	if err := p.begin(ctx, at); err != nil {
		return engine.Slot{}, err
	}
	if l.mayForget(); at <= now.UnixNano() {
		return engine.Slot{At: now}, nil
	}
	return engine.Slot{At: time.Unix(0, at).UTC(), Limit: p.delayed}, nil
}

// count counts a call in its caps at the instant that its buckets have agreed to. Where one refuses, they get it back.
func (l *Limiter) count(ctx context.Context, on way, at int64, p *passage) (*refused, error) {
	if p.peek {
		_, refused, err := peek(ctx, l.config.Store, on.caps, at)
		return refused, err
	}
	refused, err := count(ctx, l.config.Store, on.caps, at, p.now)
	if err != nil || refused != nil {
		giveBack(ctx, p.stops, false)
	}
	return refused, err
}

func lastInstant(until time.Time) int64 {
	if until.IsZero() {
		return never
	}
	return until.UnixNano()
}

// firstInstant reads what a caller gives: an answer that lies before the question is none.
func firstInstant(earliest func(time.Time) time.Time) func(int64) int64 {
	if earliest == nil {
		return func(at int64) int64 { return at }
	}
	return func(at int64) int64 { return max(at, earliest(time.Unix(0, at).UTC()).UnixNano()) }
}

// Hold implements engine.Limiter. Processes that share the store learn of it within five seconds. Instants that
// Reserve has given before stay as they are.
func (l *Limiter) Hold(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit, until time.Time) error {
	on, err := l.way(call, own)
	if err != nil {
		return err
	}
	now := l.config.Now().UnixNano()
	for _, s := range on.stops {
		if err := s.bucket.keepBack(ctx, now, until.UnixNano()); err != nil {
			return s.rule.failed(err)
		}
	}
	return nil
}

// way is what a call passes: buckets, the slowest first, and frequency caps.
type way struct {
	stops []stop
	caps  []capStop
}

func (l *Limiter) way(call engine.LimitedCall, own []*workflows.Limit) (way, error) {
	if len(l.config.Shared) == 0 && len(own) == 0 {
		return way{}, nil
	}
	into := way{stops: make([]stop, 0, len(l.config.Shared)+len(own))}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, limits := range [2][]*workflows.Limit{l.config.Shared, own} {
		for _, limit := range limits {
			rule := l.rule(limit)
			answer, err := l.ask(rule, call)
			if err != nil {
				return way{}, err
			}
			if !answer.matches {
				continue
			}
			if rule.spaces() {
				into.stops = l.add(into.stops, rule, answer, call)
			}
			if rule.frequency.most > 0 && !call.Uncapped && call.Effect == workflows.EffectMessage {
				into.caps = append(into.caps, capStop{rule, "@contacts " + answer.bucket, contactID(call.Contact)})
			}
		}
	}
	return into, nil
}

// add keeps stops in order, and each bucket in them once.
func (l *Limiter) add(stops []stop, rule *rule, answer answer, call engine.LimitedCall) []stop {
	for _, s := range stops {
		if s.bucket.key == answer.bucket {
			return stops
		}
	}
	b := l.bucket(rule, answer.bucket)
	stops = append(stops, stop{rule: rule, bucket: b, gap: b.pace.gap(call.Seed, b.hash)})
	for i := len(stops) - 1; i > 0 && stops[i].rule.slowness > stops[i-1].rule.slowness; i-- {
		stops[i], stops[i-1] = stops[i-1], stops[i]
	}
	return stops
}

func (l *Limiter) bucket(rule *rule, key string) *bucket {
	if b := l.buckets[key]; b != nil && b.rule.same(rule) {
		return b
	}
	for other := range l.buckets {
		if len(l.buckets) < mostBuckets {
			break
		}
		delete(l.buckets, other)
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key)) // never fails
	b := &bucket{
		key: key, hash: hash.Sum64(), rule: rule, pace: rule.pace, store: l.config.Store, location: l.config.Location,
		turn: semaphore.NewWeighted(1), slices: map[int64]*slice{}, warm: warmUp{caps: rule.warm},
	}
	if most := rule.caps[0]; most > 0 {
		b.windows = append(b.windows, newWindow(false, most, l.config.Location))
	}
	if most := rule.caps[1]; most > 0 || len(rule.warm) > 0 {
		b.windows = append(b.windows, newWindow(true, most, l.config.Location))
	}
	l.buckets[key] = b
	return b
}

// mayForget lets a store that can do so drop what is over, now and then.
func (l *Limiter) mayForget() {
	store, ok := l.config.Store.(interface{ Forget(now time.Time) })
	if !ok {
		return
	}
	l.mu.Lock()
	l.served++
	due := l.served >= mostBuckets
	if due {
		l.served = 0
	}
	l.mu.Unlock()
	if due {
		store.Forget(l.config.Now())
	}
}

func (r *rule) failed(err error) error {
	return fmt.Errorf("limit %q (%s:%d): %w", r.limit.Name, r.limit.File, r.limit.Span.Line, err)
}
