package cli

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/notify"
)

const (
	// noticePoll is how often the outbox looks for notices that other processes have kept, and for channels that rested.
	noticePoll = 5 * time.Second
	// noticeAge is how long it is tried to tell people of something.
	noticeAge = 24 * time.Hour
	// firstRest and longestRest are how long nothing is given to a channel that could not deliver; it doubles each time.
	firstRest, longestRest = 30 * time.Second, 10 * time.Minute
	// notingWithin bounds the wait for the ledger to keep who was told.
	notingWithin = 2 * time.Second
)

// outbox is where notices wait; a ledger is one.
type outbox interface {
	Notices(ctx context.Context, after int64) ([]ledger.Waiting, error)
	NoticeTold(ctx context.Context, sequence int64, told []string) error
	DropNotice(ctx context.Context, sequence int64) error
	Run(ctx context.Context, id string) (engine.Run, error)
}

// telling tells people of the notices that the ledger keeps, beside the engine. It is done by the process that owns the
// ledger, so that nobody is told twice; what a process that dies has not told, the next one does. A notice leaves the ledger
// once everybody was told, at the latest after noticeAge.
type telling struct {
	ledger   outbox
	logger   *slog.Logger
	notifier atomic.Pointer[notify.Notifier] // another one after the configuration was read again
	pokes    chan struct{}
	closing  chan struct{}
	working  sync.WaitGroup
	begun    sync.Once
	closed   sync.Once

	mu      sync.Mutex
	newest  int64
	letters []*letter // oldest first, at most ledger.NoticesKept
	resting map[string]rest
	flying  map[string]int // how many letters are on their way, by channel
}

// letter is a notice of which somebody is still to be told.
type letter struct {
	ledger.Waiting
	occasions []notify.Occasion
	flying    []string // what is on its way, in the words of told
	over      bool
}

// rest is until when a channel gets nothing, after so many failures in a row.
type rest struct {
	until    time.Time
	failures int
}

func newTelling(box outbox, logger *slog.Logger, notifier *notify.Notifier) *telling {
	t := &telling{ledger: box, logger: logger, pokes: make(chan struct{}, 1), closing: make(chan struct{}), resting: map[string]rest{}, flying: map[string]int{}}
	t.notifier.Store(notifier)
	return t
}

// poke says that there is something to tell. It never waits.
func (t *telling) poke() {
	select {
	case t.pokes <- struct{}{}:
	default:
	}
}

// begin has people be told from now on, until close.
func (t *telling) begin(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	t.begun.Do(func() { t.working.Go(func() { t.run(ctx) }) })
}

func (t *telling) run(ctx context.Context) {
	tick := time.NewTicker(noticePoll)
	defer tick.Stop()
	for poked := true; ; {
		if err := t.look(ctx, poked); err != nil {
			t.logger.Warn("looking what people are to be told; trying again", "error", err)
		}
		select {
		case <-tick.C:
			poked = false
		case <-t.pokes:
			poked = true
		case <-t.closing:
			if err := t.look(ctx, true); err != nil { // what the engine has kept last
				t.logger.Warn("looking what people are to be told; it is left to the next process", "error", err)
			}
			return
		}
	}
}

// look takes up new notices, and gives the channels what they are to tell.
func (t *telling) look(ctx context.Context, poked bool) error {
	t.mu.Lock()
	after := t.newest
	t.mu.Unlock()
	fresh, err := t.ledger.Notices(ctx, after)
	if err != nil {
		return err
	}
	for _, one := range fresh {
		occasions, err := t.occasions(ctx, one.Notice)
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.newest = one.Sequence
		t.letters = append(t.letters, &letter{Waiting: one, occasions: occasions})
		t.mu.Unlock()
	}
	if !poked && len(fresh) == 0 && !t.due() {
		return nil
	}
	for _, l := range t.open() {
		t.send(ctx, l)
	}
	return nil
}

// due reports whether something can have changed by itself: a channel has rested, or the oldest letter is too old.
func (t *telling) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, r := range t.resting {
		if !now.Before(r.until) {
			return true
		}
	}
	return len(t.letters) > 0 && now.Sub(t.letters[0].At) > noticeAge
}

// open are the letters that are not over. The ledger keeps no more, and has forgotten those that are too many.
func (t *telling) open() []*letter {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.letters = slices.DeleteFunc(t.letters, func(l *letter) bool { return l.over })
	if excess := len(t.letters) - ledger.NoticesKept; excess > 0 {
		t.logger.Warn("too many notifications wait: people are not told of the oldest, and first not of runs that have ended", "left out", excess)
		t.leaveOut(excess)
	}
	return slices.Clone(t.letters)
}

// leaveOut forgets so many letters as the ledger does: the oldest, and no alarm while there is something else.
func (t *telling) leaveOut(excess int) {
	t.letters = slices.DeleteFunc(t.letters, func(l *letter) bool {
		gone := excess > 0 && !l.Kind.Alarm()
		if gone {
			excess--
		}
		return gone
	})
	t.letters = slices.Delete(t.letters, 0, excess)
}

// send gives a letter to all channels that are to tell it, have not, and do not rest.
func (t *telling) send(ctx context.Context, l *letter) {
	if time.Since(l.At) > noticeAge {
		t.logger.Warn("a notification could not be delivered in time: people are not told", "kind", l.Kind, "run", l.Run)
		t.end(ctx, l)
		return
	}
	notifier, left := t.notifier.Load(), false
	for _, occasion := range l.occasions {
		for _, channel := range notifier.Wanted(occasion) {
			word := channel + "/" + string(occasion.On)
			if t.has(l, word) {
				continue
			}
			left = true
			if t.takeOff(l, channel, word) && !notifier.Post(channel, occasion, l.ID+"-"+string(occasion.On), func(err error) { t.arrived(ctx, l, channel, word, err) }) {
				t.land(l, channel, word)
			}
		}
	}
	if !left {
		t.end(ctx, l)
	}
}

// has reports whether a channel has told a letter.
func (t *telling) has(l *letter, word string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(l.Told, word)
}

// takeOff reports whether a channel may have a letter now, and notes that it has. One that failed gets them one by one.
func (t *telling) takeOff(l *letter, channel, word string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.resting[channel]
	if l.over || slices.Contains(l.flying, word) || slices.Contains(l.Told, word) || time.Now().Before(r.until) || r.failures > 0 && t.flying[channel] > 0 {
		return false
	}
	l.flying = append(l.flying, word)
	t.flying[channel]++
	return true
}

func (t *telling) land(l *letter, channel, word string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flying[channel]--
	l.flying = slices.DeleteFunc(l.flying, func(one string) bool { return one == word })
}

// arrived hears what came of a delivery. Who refuses a message is not asked again.
func (t *telling) arrived(ctx context.Context, l *letter, channel, word string, err error) {
	t.land(l, channel, word)
	if refused := (*notify.Refused)(nil); err != nil && !errors.As(err, &refused) {
		t.mu.Lock()
		r := t.resting[channel]
		pause := min(firstRest<<min(r.failures, 10), longestRest)
		t.resting[channel] = rest{time.Now().Add(pause), r.failures + 1}
		t.mu.Unlock()
		return
	}
	t.mu.Lock()
	delete(t.resting, channel)
	t.poke() // there may be more for it
	l.Told = append(slices.Clip(l.Told), word)
	told := l.Told
	t.mu.Unlock()
	if t.toldAll(l, told) {
		t.end(ctx, l)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notingWithin)
	defer cancel()
	if err := t.ledger.NoticeTold(ctx, l.Sequence, told); err != nil {
		t.logger.Warn("that people were told of something could not be kept: they may be told again", "error", err)
	}
}

// toldAll reports whether nobody is left to tell.
func (t *telling) toldAll(l *letter, told []string) bool {
	notifier := t.notifier.Load()
	for _, occasion := range l.occasions {
		for _, channel := range notifier.Wanted(occasion) {
			if !slices.Contains(told, channel+"/"+string(occasion.On)) {
				return false
			}
		}
	}
	return true
}

// end has a letter be over, here and in the ledger.
func (t *telling) end(ctx context.Context, l *letter) {
	t.mu.Lock()
	l.over = true
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, notingWithin)
	defer cancel()
	if err := t.ledger.DropNotice(ctx, l.Sequence); err != nil {
		t.logger.Warn("that people were told of something could not be kept: they may be told again", "error", err)
	}
}

// change has people be told through other channels from now on.
func (t *telling) change(ctx context.Context, notifier *notify.Notifier) {
	before := t.notifier.Swap(notifier)
	last, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if err := before.Close(last); err != nil {
		t.logger.Info("some notifications go through the new channels", "reason", err)
	}
	t.mu.Lock()
	clear(t.resting)
	t.mu.Unlock()
	t.poke()
}

// close delivers what is on its way. The engine has stopped by then. What cannot be delivered in time stays in the ledger,
// and fails nothing.
func (t *telling) close() error {
	t.closed.Do(func() {
		close(t.closing)
		t.working.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		if err := t.notifier.Load().Close(ctx); err != nil {
			t.logger.Warn("closing the channels; the next process tells the rest", "error", err)
		}
	})
	return nil
}
