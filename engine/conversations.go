package engine

import (
	"context"
	"sync"
	"time"
)

// conversations sees to it that two items, of whatever runs, do not hold one conversation at a time: the first to hand it
// back would end it under the other's hands. It knows what this process holds.
type conversations struct {
	mu      sync.Mutex
	holders map[conversation]int64
	changed chan struct{} // closed when one is given back
}

type conversation struct{ connection, account, friend string }

func newConversations() *conversations {
	return &conversations{holders: map[conversation]int64{}, changed: make(chan struct{})}
}

// take gives the conversation to the item, unless another has it: then it returns a channel that is closed when it may
// be worth asking again.
func (c *conversations) take(which conversation, item int64) (taken bool, again <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if holder, held := c.holders[which]; held && holder != item {
		return false, c.changed
	}
	c.holders[which] = item
	return true, nil
}

func (c *conversations) give(which conversation, item int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holders[which] == item {
		delete(c.holders, which)
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// conversation names the one that a request is about.
func (s *scope) conversation(request Request) conversation {
	return conversation{s.active.run.Connection, request.Account, request.Friend}
}

// turnFor waits until no other item holds the conversation.
func (s *scope) turnFor(ctx context.Context, request Request) error {
	for {
		taken, again := s.engine.conversations.take(s.conversation(request), s.item.ID)
		if taken {
			return nil
		}
		until, stop, leaving := s.patience()
		now := time.Now()
		if !until.After(now) {
			if s.cancelled() && !s.ending {
				return errCancelled
			}
			return &suspended{now.Add(time.Second)}
		}
		s.active.waiting(until, "another run speaks with the same customer")
		s.turn.pause()
		timer := time.NewTimer(until.Sub(now))
		select {
		case <-again:
		case <-timer.C:
		case <-stop:
		case <-leaving:
		case <-ctx.Done():
		}
		timer.Stop()
		s.turn.proceed()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
