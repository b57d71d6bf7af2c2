package youmi

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// authority is what lets the calls of one version in: a token, and what is made of it for each call.
type authority struct {
	base   string
	tokens *tokenSource
	clock  *clock
	// header makes the headers of one call; at is the platform's time. They are not changed afterwards.
	header func(with *token, at time.Time) http.Header
	signed bool // the headers hold the time
}

// token is what the platform has given to call with.
type token struct {
	secret string
	header http.Header // of every call, where that is always the same
	renew  time.Time   // from then on another is fetched
}

// tokenSource keeps the token and renews it, one renewal at a time.
type tokenSource struct {
	fetch func(context.Context) (*token, error)
	now   func() time.Time

	current atomic.Pointer[token]
	turn    chan struct{} // held by who renews; a channel, so that a waiter can be cancelled
	rounds  atomic.Int64  // renewals that came to an end
	failure error         // of the last renewal; guarded by turn
}

func newTokenSource(fetch func(context.Context) (*token, error), now func() time.Time) *tokenSource {
	return &tokenSource{fetch: fetch, now: now, turn: make(chan struct{}, 1)}
}

// get returns a token that is not about to end and is not the one the platform has just refused. Who comes while another
// renews waits for that, and shares its outcome unless the other was cancelled.
func (s *tokenSource) get(ctx context.Context, refused *token) (*token, error) {
	if current := s.usable(refused); current != nil {
		return current, nil
	}
	round := s.rounds.Load()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &TokenError{Verdict: NotSent, Code: networkCode(ctx, ctx.Err()), Err: context.Cause(ctx)}
	}
	defer func() { <-s.turn }()
	if current := s.usable(refused); current != nil {
		return current, nil
	}
	if s.rounds.Load() != round && s.failure != nil {
		return nil, s.failure
	}
	fetched, err := s.fetch(ctx)
	if ctx.Err() != nil && err != nil {
		return nil, err // says nothing to those who wait
	}
	s.failure = err
	s.rounds.Add(1)
	if err != nil {
		return nil, err
	}
	s.current.Store(fetched)
	return fetched, nil
}

func (s *tokenSource) usable(refused *token) *token {
	current := s.current.Load()
	if current == nil || current == refused || !s.now().Before(current.renew) {
		return nil
	}
	return current
}

// call makes a call, and once more after each of two refusals that prove that nothing was done and can be cured: of the
// token by another token, of a signed call's time by the platform's.
func (c *Client) call(ctx context.Context, to *endpoint, payload []byte) (*Response, error) {
	current, err := to.via.tokens.get(ctx, nil)
	if err != nil {
		return nil, err
	}
	renewed, corrected := false, false
	for {
		at, offset := to.via.clock.now()
		response, err := c.once(ctx, to, payload, to.via.header(current, at))
		switch {
		case !renewed && tokenRefused(err):
			renewed = true
			if current, err = to.via.tokens.get(ctx, current); err != nil {
				return nil, err
			}
		case !corrected && to.via.signed && timeRefused(codeOf(err)) && Classify(err) == NotSent && to.via.clock.correct(offset):
			corrected = true
		default:
			return response, err
		}
	}
}

// timeRefused tells the codes of a request that is too old, or too far in the future.
func timeRefused(code string) bool {
	return code == strconv.Itoa(CodeTimestampExpired) || code == strconv.Itoa(CodeTooOld)
}
