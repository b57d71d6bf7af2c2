package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warnings passes on what River warns of, each message once a minute: while the disk is full, or the database away, its
// services fail several times a second, for as long as that takes. The rest of what it says is about River itself.
type warnings struct {
	slog.Handler
	said *said
}

// again is after how long a message is passed on again.
const again = time.Minute

// mostSaid is how many messages are told apart. River's are constants, of which there are fewer.
const mostSaid = 1000

// said is which messages were passed on, shared by all that come of one handler.
type said struct {
	mu   sync.Mutex
	last map[string]*once
}

// once is a message that was passed on.
type once struct {
	at     time.Time
	missed int // how many were not since
}

func newWarnings(to slog.Handler) slog.Handler { return warnings{to, &said{last: map[string]*once{}}} }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (w warnings) Handle(ctx context.Context, record slog.Record) error {
	missed, pass := w.said.pass(record.Message, record.Time)
	if !pass {
		return nil
	}
	if missed > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int("repeated", missed))
	}
	return w.Handler.Handle(ctx, record)
}

// pass reports whether a message is passed on, and how many of it were not since the last time.
func (s *said) pass(message string, now time.Time) (missed int, pass bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.last[message]
	switch {
	case known && now.Sub(before.at) < again:
		before.missed++
		return 0, false
	case known:
		missed = before.missed
	case len(s.last) >= mostSaid:
		clear(s.last)
	}
	s.last[message] = &once{at: now}
	return missed, true
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs), w.said}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.said}
}
