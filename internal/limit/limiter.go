package limit

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
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

	shared atomic.Pointer[[]*workflows.Limit]

	mu      sync.Mutex
	rules   map[*workflows.Limit]*rule
	answers map[question]answer
	buckets map[string]*bucket
	retired map[string]retired // of limits that were in force before

	passages sync.Pool // of *passage, to use again

	forgets interface{ Forget(now time.Time) } // the store, where it can; else nil
	served  atomic.Int64                       // slots since it last did
}

var _ engine.Limiter = (*Limiter)(nil)

// New returns a limiter. It starts nothing and needs no end.
func New(config Config) *Limiter {
	l := &Limiter{config: config.withDefaults()}
	l.forgets, _ = config.Store.(interface{ Forget(now time.Time) })
	l.SetShared(config.Shared)
	return l
}

// SetShared puts other limits in the place of Config.Shared. What buckets have counted holds for limits of the same name.
func (l *Limiter) SetShared(limits []*workflows.Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retire()
	l.shared.Store(&limits)
	l.rules, l.answers, l.buckets = map[*workflows.Limit]*rule{}, map[question]answer{}, map[string]*bucket{}
}

// retired is a bucket of limits that are not in force any more.
type retired struct {
	pace pace
	last int64 // the last slot that it has given and that may still be used
}

// near is within what time a slot is used as it was given; the engine asks again for one that is further away.
const near = int64(30 * time.Second)

// retire remembers the slots that are not behind us: calls still leave at them, and another pace keeps its distance from those.
func (l *Limiter) retire() {
	now := l.config.Now().UnixNano()
	for key, before := range l.retired {
		if before.last+before.pace.step() < now {
			delete(l.retired, key)
		}
	}
	if l.retired == nil {
		l.retired = map[string]retired{}
	}
	for key, b := range l.buckets {
		if last := b.latest.Load(); last+max(b.pace.step(), near) >= now && len(l.retired) < mostBuckets {
			l.retired[key] = retired{b.pace, max(min(last, now+near), l.retired[key].last)}
		}
	}
}

// distance is before what instant a bucket gives no slot, for those that one of the same key and another pace has given.
func (l *Limiter) distance(key []byte, r *rule) int64 {
	if before, ok := l.retired[string(key)]; ok && before.pace != r.pace {
		return before.last + r.pace.step()
	}
	return 0
}

// Reserve implements engine.Limiter. Without a limit that matches, the answer is call.Earliest of now.
func (l *Limiter) Reserve(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) (engine.Slot, error) {
	now := l.config.Now()
	p, _ := l.passages.Get().(*passage)
	if p == nil {
		p = &passage{}
	}
	defer l.passages.Put(p)
	*p = passage{
		call: call, now: now.UnixNano(), from: now.UnixNano(), until: lastInstant(call.Until),
		way: way{p.stops[:0], p.caps[:0]},
	}
	if err := l.way(&p.way, &p.call, own); err != nil {
		return engine.Slot{}, err
	}
	at, refused, err := l.pass(ctx, p)
	if err != nil {
		return engine.Slot{}, err
	}
	if refused != nil {
		return refused.answer(p)
	}
	if l.mayForget(); at <= p.now {
		return engine.Slot{At: now}, nil
	}
	return engine.Slot{At: time.Unix(0, at).UTC(), Limit: p.delayed, Rule: p.rule}, nil
}

// pass asks the caps, then finds the instant, then counts the call there.
func (l *Limiter) pass(ctx context.Context, p *passage) (int64, *refused, error) {
	if len(p.caps) > 0 {
		from, refused, err := peek(ctx, l.config.Store, p.caps, p.open(p.now))
		if err != nil || refused != nil {
			return 0, refused, err
		}
		p.from = from
	}
	at, err := p.run(ctx)
	if err != nil {
		return 0, nil, err
	}
	if len(p.caps) > 0 {
		refused, err := l.count(ctx, p, at)
		if err != nil || refused != nil {
			return 0, refused, err
		}
	}
	return at, nil, p.begin(ctx, at)
}

// count counts a call in its caps at the instant that its buckets have agreed to. Where one refuses, they get it back.
func (l *Limiter) count(ctx context.Context, p *passage, at int64) (*refused, error) {
	if p.call.Peek {
		_, refused, err := peek(ctx, l.config.Store, p.caps, at)
		return refused, err
	}
	refused, err := count(ctx, l.config.Store, p.caps, at, p.now)
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

// Hold implements engine.Limiter. Processes that share the store learn of it within five seconds. Instants that
// Reserve has given before stay as they are.
func (l *Limiter) Hold(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit, until time.Time) error {
	var on way
	if err := l.way(&on, &call, own); err != nil {
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

// way fills in what a call passes.
func (l *Limiter) way(into *way, call *engine.LimitedCall, own []*workflows.Limit) error {
	if len(*l.shared.Load()) == 0 && len(own) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, limits := range [2][]*workflows.Limit{*l.shared.Load(), own} {
		for _, limit := range limits {
			if err := l.point(into, l.rule(limit), call); err != nil {
				return err
			}
		}
	}
	return nil
}

// point adds what a call passes of one limit.
func (l *Limiter) point(into *way, r *rule, call *engine.LimitedCall) error {
	var room [128]byte
	key, matches, err := l.bucketKey(room[:0], r, call)
	if err != nil || !matches {
		return err
	}
	if r.spaces() {
		into.stops = l.add(into.stops, r, key, call.Seed)
	}
	if r.frequency.most > 0 && !call.Uncapped && call.Effect == workflows.EffectMessage {
		into.caps = append(into.caps, capStop{r, contactsKey + string(key), contactID(call.Contact)})
	}
	return nil
}

// add keeps stops in order, and each bucket in them once.
func (l *Limiter) add(stops []stop, rule *rule, key []byte, seed uint64) []stop {
	for i := range stops {
		if stops[i].bucket.key == string(key) {
			return stops
		}
	}
	b := l.bucket(rule, key)
	stops = append(stops, stop{rule: rule, bucket: b, gap: b.pace.gap(seed, b.hash)})
	for i := len(stops) - 1; i > 0 && stops[i].rule.slowness > stops[i-1].rule.slowness; i-- {
		stops[i], stops[i-1] = stops[i-1], stops[i]
	}
	return stops
}

func (l *Limiter) bucket(rule *rule, key []byte) *bucket {
	if b := l.buckets[string(key)]; b != nil && b.rule.same(rule) {
		return b
	}
	for other := range l.buckets {
		if len(l.buckets) < mostBuckets {
			break
		}
		delete(l.buckets, other)
	}
	hash := fnv.New64a()
	_, _ = hash.Write(key) // never fails
	b := &bucket{
		key: string(key), hash: hash.Sum64(), rule: rule, pace: rule.pace, store: l.config.Store, location: l.config.Location,
		turn: semaphore.NewWeighted(1), slices: map[int64]*slice{}, warm: warmUp{caps: rule.warm}, hold: l.distance(key, rule),
	}
	if most := rule.caps[0]; most > 0 {
		b.windows = append(b.windows, newWindow(false, most, l.config.Location))
	}
	if most := rule.caps[1]; most > 0 || len(rule.warm) > 0 {
		b.windows = append(b.windows, newWindow(true, most, l.config.Location))
	}
	l.buckets[b.key] = b
	return b
}

// mayForget lets a store that can do so drop what is over, now and then.
func (l *Limiter) mayForget() {
	if l.forgets != nil && l.served.Add(1)%mostBuckets == 0 {
		l.forgets.Forget(l.config.Now())
	}
}

func (r *rule) failed(err error) error {
	return fmt.Errorf("limit %q (%s:%d): %w", r.limit.Name, r.limit.File, r.limit.Span.Line, err)
}
