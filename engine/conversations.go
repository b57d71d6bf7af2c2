package engine

import (
	"context"
	"maps"
	"sync"
	"time"
)

// conversations sees to it that two items, of whatever runs, do not hold one conversation at a time: the first to hand it
// back would end it under the other's hands. It knows what this process holds, and what earlier ones have left (recall).
type conversations struct {
	mu      sync.Mutex
	holders map[conversation]holder
	changed chan struct{} // closed when one is given back
}

// conversation names one: with a customer of the platform, or of the simulator.
type conversation struct {
	sandbox                     bool
	connection, account, friend string
}

// holder is an item, of a run's foreach or its root. What the root holds, its items may use.
type holder struct {
	run  string
	item int64
	root bool
}

func newConversations() *conversations {
	return &conversations{holders: map[conversation]holder{}, changed: make(chan struct{})}
}

// take gives the conversation to the item, unless another has it: then it returns which, and a channel that is closed when
// it may be worth asking again.
func (c *conversations) take(which conversation, by holder) (taken bool, other holder, again <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	has, held := c.holders[which]
	switch {
	case held && has.root && has.run == by.run:
		return true, holder{}, nil
	case held && has != by:
		return false, has, c.changed
	}
	c.holders[which] = by
	return true, holder{}, nil
}

func (c *conversations) give(which conversation, by holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holders[which] == by {
		delete(c.holders, which)
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// end forgets what a run had: it is over, and has handed everything back that it could.
func (c *conversations) end(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.holders)
	maps.DeleteFunc(c.holders, func(_ conversation, by holder) bool { return by.run == run })
	if len(c.holders) < before {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// conversation names the one that a request is about.
func (s *scope) conversation(request Request) conversation {
	run := s.active.run
	return conversation{run.Sandbox, run.Connection, request.Account, request.Friend}
}

func (s *scope) holder() holder {
	return holder{run: s.item.Run, item: s.item.ID, root: s.item.Step == ""}
}

// giveTurn lets others have the conversation.
func (s *scope) giveTurn(request Request) {
	s.engine.conversations.give(s.conversation(request), s.holder())
}

// turnFor waits until no other item holds the conversation.
func (s *scope) turnFor(ctx context.Context, request Request) error {
	for {
		taken, other, again := s.engine.conversations.take(s.conversation(request), s.holder())
		if taken {
			return nil
		}
		until, stop, leaving := s.patience()
		now := s.engine.Now()
		if other.run == s.item.Run && !s.isRoot() && !s.cancelled() && s.active.run.Test == nil {
			// Another row of the same customer has it, and may be waiting for its slot: the lane has to come to that one.
			return s.holdItem(now.Add(behindAnother), s.waitsForTurn(other).Text)
		}
		if !until.After(now) {
			if s.cancelled() && !s.ending {
				return errCancelled
			}
			return &suspended{at: now.Add(time.Second), waits: s.waitsForTurn(other)}
		}
		s.active.waiting(until, s.waitsForTurn(other).Text)
		s.turn.pause()
		fired, stopTimer := s.engine.Timer(until.Sub(now))
		select {
		case <-again:
		case <-fired:
		case <-stop:
		case <-leaving:
		case <-ctx.Done():
		}
		stopTimer()
		s.turn.proceed()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// behindAnother is how soon an item asks again for a conversation that another item of its run has.
const behindAnother = 5 * time.Second
