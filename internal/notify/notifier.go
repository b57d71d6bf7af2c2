package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rule says whom to tell of what.
type Rule struct {
	On        []On
	Workflows []string // of these alone; none: of all
	To        []string // channels
	Language  Language
}

func (r Rule) wants(o Occasion) bool {
	return slices.Contains(r.On, o.On) && (len(r.Workflows) == 0 || slices.Contains(r.Workflows, o.Workflow))
}

// Config is what a Notifier needs.
type Config struct {
	Channels map[string]Channel
	Rules    []Rule
	// Quiet is how long nothing more is told of one subject (a run, an account) after it was told of. Default 1h.
	Quiet time.Duration
	// Backoff is the wait before a second attempt; it doubles with each. Default 2s.
	Backoff time.Duration
	// Logger hears of what could not be delivered. Default: discarded.
	Logger *slog.Logger
	// Health hears whether channels deliver: nil when one delivers that had failed, or delivers for the first time; else why it
	// has failed. It is called by several goroutines, and no channel waits for another's. Default: nobody hears.
	Health func(channel string, err error)
}

const (
	// queued is how many messages may wait for one channel. What comes when it is full is dropped, and counted in the next.
	queued = 100
	// attempts is how often a delivery is tried.
	attempts = 4
	// subjects bounds what is remembered of what was told.
	subjects = 10_000
)

// perChannel is the pace of a channel: the robots of WeCom and DingTalk take 20 messages a minute.
func perChannel() *rate.Limiter { return rate.NewLimiter(rate.Every(3*time.Second), 10) }

// Notifier tells people of occasions, by rules. Tell never waits and never fails: a run must not depend on it.
type Notifier struct {
	config Config
	lines  map[string]*line

	stop context.CancelFunc // gives up what is not delivered yet

	mu      sync.Mutex
	told    map[string]time.Time // by line and subject
	left    map[string]int       // occasions that were left out, by line and kind
	closed  bool
	running sync.WaitGroup
}

// line is what waits for one channel.
type line struct {
	name    string
	channel Channel
	pace    *rate.Limiter
	waiting chan parcel

	mu     sync.Mutex
	health health
}

// health is what was last heard of a channel.
type health int

const (
	unheard health = iota
	well
	failing
)

// New returns a notifier and starts delivering. Close ends it, the end of ctx does not.
func New(ctx context.Context, config Config) *Notifier {
	if config.Quiet == 0 {
		config.Quiet = time.Hour
	}
	if config.Backoff == 0 {
		config.Backoff = 2 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Health == nil {
		config.Health = func(string, error) {}
	}
	n := &Notifier{config: config, lines: map[string]*line{}, told: map[string]time.Time{}, left: map[string]int{}}
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	for name, channel := range config.Channels {
		l := &line{name: name, channel: channel, pace: perChannel(), waiting: make(chan parcel, queued)}
		n.lines[name] = l
		n.running.Go(func() { n.deliver(ctx, l) })
	}
	return n
}

// Tell has everybody told whom a rule names. It returns at once.
func (n *Notifier) Tell(o Occasion) {
	for _, channel := range n.Wanted(o) {
		n.Post(channel, o, "", func(error) {})
	}
}

// Wanted are the channels to which the rules want an occasion told, each once.
func (n *Notifier) Wanted(o Occasion) []string {
	var list []string
	for _, rule := range n.config.Rules {
		if !rule.wants(o) {
			continue
		}
		for _, name := range rule.To {
			if n.lines[name] != nil && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// language is in which a channel wants an occasion told.
func (n *Notifier) language(channel string, o Occasion) Language {
	for _, rule := range n.config.Rules {
		if rule.wants(o) && slices.Contains(rule.To, channel) {
			return rule.Language
		}
	}
	return Chinese
}

// Post has one channel told of an occasion, under an ID that is the same however often it is. It returns at once. When it
// takes it, done is called once, maybe by another goroutine, maybe before Post returns: with nil when the channel has it, or
// has heard of its subject just now, with a *Refused when it never will, or with why it could not be delivered for now. It
// answers false, and calls nothing, when too many wait for the channel already.
func (n *Notifier) Post(channel string, o Occasion, id string, done func(error)) bool {
	n.mu.Lock()
	l := n.lines[channel]
	if n.closed || l == nil {
		n.mu.Unlock()
		return false
	}
	now := time.Now()
	subject, kind := l.name+"\x00"+o.subject(), l.name+"\x00"+string(o.On)
	if at, ok := n.told[subject]; ok && now.Sub(at) < n.config.Quiet {
		n.left[kind]++
		n.mu.Unlock()
		done(nil)
		return true
	}
	defer n.mu.Unlock()
	message := o.Text(n.language(channel, o), n.left[kind])
	message.ID = id
	select {
	case l.waiting <- parcel{message, subject, done}:
		n.left[kind] = 0
		n.remember(subject, now)
		return true
	default:
		if id == "" {
			n.left[kind]++
		}
		return false
	}
}

// parcel is a message on its way.
type parcel struct {
	Message
	subject string
	done    func(error)
}

func (n *Notifier) remember(subject string, now time.Time) {
	if len(n.told) >= subjects {
		for one, at := range n.told {
			if now.Sub(at) >= n.config.Quiet || len(n.told) >= subjects {
				delete(n.told, one)
			}
		}
	}
	n.told[subject] = now
}

// Send delivers a message to a channel now, once, and waits for it.
func (n *Notifier) Send(ctx context.Context, name string, message Message) error {
	l := n.lines[name]
	if l == nil {
		return fmt.Errorf("there is no channel %q under notify.channels in youmiflow.yaml", name)
	}
	within, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := l.pace.Wait(within); err != nil {
		return fmt.Errorf("channel %s: it has as many messages as it takes for now", name)
	}
	err := l.channel.Send(within, message)
	if ctx.Err() == nil { // else it was given up
		n.heard(l, err)
	}
	if err != nil {
		return fmt.Errorf("channel %s: %w", name, err)
	}
	return nil
}

// heard notes what came of an attempt. The first failure of a channel is told at once, before it is tried again.
func (n *Notifier) heard(l *line, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.health
	switch {
	case err != nil:
		l.health = failing
		n.config.Health(l.name, err)
		if before != failing {
			n.config.Logger.Warn("a channel does not deliver; until it does, people are not told through it", "channel", l.name, "error", err)
		}
	case before != well:
		l.health = well
		n.config.Health(l.name, nil)
		if before == failing {
			n.config.Logger.Info("a channel delivers again", "channel", l.name)
		}
	}
}

// Close ends the notifier: what waits is delivered as long as ctx lasts.
func (n *Notifier) Close(ctx context.Context) error {
	n.mu.Lock()
	if !n.closed {
		n.closed = true
		for _, l := range n.lines {
			close(l.waiting)
		}
	}
	n.mu.Unlock()
	giveUp := context.AfterFunc(ctx, n.stop)
	n.running.Wait()
	n.stop()
	if !giveUp() {
		return fmt.Errorf("some notifications could not be delivered in time: %w", context.Cause(ctx))
	}
	return nil
}

// deliver sends what comes into a line, one message after the other.
func (n *Notifier) deliver(ctx context.Context, l *line) {
	for one := range l.waiting {
		err := n.try(ctx, l, one.Message)
		if refused := (*Refused)(nil); err != nil && !errors.As(err, &refused) { // who has not heard of it may be told
			n.mu.Lock()
			delete(n.told, one.subject)
			n.mu.Unlock()
		}
		if err != nil {
			n.config.Logger.Warn("a notification was not delivered", "channel", l.name, "title", one.Title, "error", err)
		}
		one.done(err)
	}
}

// try delivers one message, with a few attempts: a channel that refuses it is not asked again.
func (n *Notifier) try(ctx context.Context, l *line, message Message) error {
	var err error
	wait := n.config.Backoff
	for attempt := 1; ; attempt++ {
		once, cancel := context.WithTimeout(ctx, time.Minute)
		if err = l.pace.Wait(once); err == nil {
			err = l.channel.Send(once, message)
			if ctx.Err() == nil { // else it was given up
				n.heard(l, err)
			}
		}
		cancel()
		if refused := (*Refused)(nil); err == nil || errors.As(err, &refused) || attempt == attempts {
			return err
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
		wait *= 2
	}
}
