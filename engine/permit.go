package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"youmiflow/workflows"
)

// permit says whether a call may be made now, limits aside: nil, or why the item waits (*suspended), or why the rest of it
// is left out (*leftOut). What hands a conversation back may always be made.
func (s *scope) permit(ctx context.Context, request Request) error {
	if s.handing || request.Takeover == TakeoverEnds {
		return nil
	}
	now := s.engine.Now()
	if windowed(request) {
		if s.active.expired(now) {
			return &leftOut{codeDeadline, ReasonDeadline}
		}
		if why, err := s.stoppedBy(ctx, request); err != nil {
			return err
		} else if why != nil {
			return why
		}
		if opens := s.active.opens(now); !opens.IsZero() {
			return s.holdLane(opens, s.active.untilOpen(now, opens, s.engine.Location), waitsForWindow(opens))
		}
	}
	account, tripped, err := s.engine.trippedAccount(ctx, s.active.run.book(), request.Account)
	if err != nil || !tripped {
		return err
	}
	if s.item.Step == "" || s.item.Lane == request.Account {
		return s.holdLane(account.Until, account.text(s.engine.Location), waitsForAccount(account))
	}
	return s.holdItem(account.Until, account.text(s.engine.Location))
}

// refused says why a call is not to be made at all: nobody may write to that customer.
func (s *scope) refused(request Request) *leftOut {
	if s.active.run.Test != nil || request.Friend == "" || !windowed(request) ||
		!s.engine.Suppressed(request.Account, request.Friend) {
		return nil
	}
	return &leftOut{codeSuppressed, ReasonSuppressed}
}

// refusedFor fails a call that names people of whom nobody may write to some: it cannot be made for the others alone. Where
// it is only the customer whom the item is about, the item is left out as with any other call.
func (s *scope) refusedFor(request Request) *result {
	if len(request.People) == 0 || s.active.run.Test != nil || !windowed(request) {
		return nil
	}
	count, itself := 0, true
	for _, person := range request.People {
		if s.engine.Suppressed(request.Account, person) {
			count, itself = count+1, itself && person == s.item.Key
		}
	}
	switch {
	case count == 0:
		return nil
	case itself:
		return s.leaveOut(&leftOut{codeSuppressed, ReasonSuppressed})
	}
	// Nobody's name: the text becomes the run's error, which notices tell.
	return failed(codeSuppressed, fmt.Errorf("%s: %d of those whom the call names. It is not made, since it cannot be made for the others alone: leave out whoever stands in the files of `suppress`",
		ReasonSuppressed, count))
}

// holdItem has the item wait alone, until an instant or until somebody lets it go on (zero).
func (s *scope) holdItem(at time.Time, why string) error {
	return s.holdOr(&suspended{at: at, held: why})
}

// holdLane has it wait with all others of its lane, for which the same holds.
func (s *scope) holdLane(at time.Time, why string, waits *Waits) error {
	s.active.waiting(at, why)
	return s.holdOr(&suspended{at: at, held: why, lane: true, waits: waits})
}

// holdOr has an item wait, but not one whose run is being cancelled: that does without.
func (s *scope) holdOr(stop *suspended) error {
	if s.cancelled() {
		return &leftOut{"cancelled", "the run was cancelled; " + stop.held}
	}
	return stop
}

// hold puts the item aside: what it holds of conversations is handed back, unless it is for a moment only, to be applied for
// again when it goes on, and the ledger says why it waits and until when. An item that has not begun, and waits with its whole lane, stays as it is.
func (s *scope) hold(ctx context.Context, stop *suspended) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	if !stop.brief {
		if err := s.release(ctx, true); err != nil {
			return err
		}
	}
	if stop.lane && s.entries() == 0 {
		return stop
	}
	if waitsForLimits(stop.held) && s.under != s.engine.limits.Load() {
		stop.at = s.engine.Now() // others are in force by now
	}
	listen := s.listenTo()
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	change, err := s.written(StatusHeld, stop.held)
	if err != nil {
		return err
	}
	change.Until = stop.at
	changes := append([]Change{change}, listen...)
	s.receipts = append(s.receipts, s.engine.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}))
	s.kept.status = StatusHeld
	return stop
}

// asked says what a refusal of the limits means for the item; other errors are passed on.
func (s *scope) asked(err error) error {
	var capped *CapError
	var late *LateError
	switch {
	case errors.As(err, &capped):
		return &leftOut{codeCapped, fmt.Sprintf("the limit %s lets nothing more pass before %s", capped.Limit,
			dateText(capped.Until, s.engine.Location))}
	case errors.As(err, &late):
		return &leftOut{codeDeadline, ReasonDeadline}
	}
	return fmt.Errorf("taking a slot of the limits: %w", err)
}

func dateText(at time.Time, location *time.Location) string {
	return roundUp(at, time.Minute).In(location).Format("2006-01-02 15:04")
}

// capped has the item wait until a frequency cap lets it pass.
func (s *scope) capped(limit string, at time.Time) error {
	return s.holdItem(at, fmt.Sprintf(reasonLimit+"%s, until %s", limit, dateText(at, s.engine.Location)))
}

// A customer is not kept in a conversation for long without a word: an item that has to wait for longer hands it back, and
// applies again when it goes on. Limits may ask for more patience than a wait that the file asks for, since handing back
// and applying again are calls that pass them too; and an item that was put off so often stays.
const (
	longSilence  = time.Minute
	limitSilence = 5 * time.Minute
	mostPutOff   = 3
)

// silent hands the conversation back where the limits put the next message off for long. The slot stays the item's: it
// comes again just before it.
func (s *scope) silent(path string, slot Slot) error {
	now := s.engine.Now()
	if s.handing || slot.At.Sub(now) < limitSilence || len(s.holding()) == 0 {
		return nil
	}
	r := s.result(path)
	if r == nil {
		r = &result{}
	}
	if r.PutOff++; r.PutOff > mostPutOff {
		return nil
	}
	s.keep(path, r)
	s.active.later(slotKey{s.item.ID, path}, resumption{slot.At, s.under})
	why := reasonHeld + clockText(now, slot.At, s.engine.Location)
	if slot.Limit != "" {
		why = fmt.Sprintf(reasonLimit+"%s, until %s", slot.Limit, clockText(now, slot.At, s.engine.Location))
	}
	return s.holdLane(slot.At.Add(-s.engine.lead()), why, waitsForSlot(slot, s.item.Lane))
}

// takeOver waits, before a conversation is applied for, until the first message in it may leave soon. So nobody is taken
// over who is held by a cap, or left without a word for long.
func (s *scope) takeOver(ctx context.Context, step *workflows.Step, request Request) error {
	if s.copied() {
		return nil // the message is not sent
	}
	path, message, found := s.firstMessage(request)
	if !found || len(s.engine.shared()) == 0 && len(s.active.limits()) == 0 && s.active.deadline().IsZero() {
		return nil
	}
	if _, taken := s.slotOf(slotKey{s.item.ID, step.Path}); taken {
		return nil // it waits for a slot that it has, and would lose it
	}
	key := slotKey{s.item.ID, step.Path + "\x00ahead"}
	at, known := s.earlier(key)
	behind := putOff{slot: Slot{At: at}, account: request.Account}
	for {
		now, lead := s.engine.Now(), s.engine.lead()
		if !known {
			slot, err := s.foresee(ctx, path, message)
			if err != nil {
				return err
			}
			if slot.Cap && slot.At.After(now) {
				return s.capped(slot.Limit, slot.At)
			}
			if slot.At.Sub(now) <= lead {
				return nil
			}
			at = slot.At.Add(-lead)
			s.active.waiting(at, s.waitsFor(slot, message))
			behind.slot = slot
		}
		known = false
		s.turn.pause()
		s.turn.waits(now, at)
		err := s.waitUntil(ctx, at, key, behind)
		s.turn.proceed()
		if err != nil {
			return err
		}
	}
}

func (s *scope) waitsFor(slot Slot, request Request) string {
	return fmt.Sprintf("%s, until %s", waitsForSlot(slot, request.Account).Text, clockText(s.engine.Now(), slot.At, s.engine.Location))
}

// foresee says when a message may leave: when its slot is, where it has one already, since it was put off for that.
func (s *scope) foresee(ctx context.Context, path string, message Request) (Slot, error) {
	if at, taken := s.slotOf(slotKey{s.item.ID, path}); taken {
		return Slot{At: at}, nil
	}
	return s.peek(ctx, path, message)
}

// peek asks when a call could leave, and takes nothing.
func (s *scope) peek(ctx context.Context, path string, request Request) (Slot, error) {
	call := s.limited(path, request)
	call.Peek = true
	slot, err := s.engine.Limiter.Reserve(ctx, call, s.active.limits())
	if err != nil {
		return slot, s.asked(err)
	}
	return slot, nil
}

// firstMessage is the first message that the item will send in a conversation it applies for, as far as that can be told
// before: the conversation's, by the next step that speaks in one.
func (s *scope) firstMessage(apply Request) (path string, message Request, found bool) {
	step := s.nextMessage(s.lists...)
	if step == nil {
		return "", message, false
	}
	return step.Path, Request{Operation: step.Uses.Type.Operation.ID, Effect: workflows.EffectMessage,
		Account: apply.Account, Friend: apply.Friend}, true
}

func (s *scope) nextMessage(lists ...[]*workflows.Step) *workflows.Step {
	for _, list := range lists {
		for _, step := range list {
			if inConversation(step) {
				if r := s.result(step.Path); r == nil || r.Status == "" {
					return step
				}
			}
			nested := [][]*workflows.Step{step.Steps}
			for _, branch := range step.Parallel {
				nested = append(nested, branch.Steps)
			}
			if found := s.nextMessage(nested...); found != nil {
				return found
			}
		}
	}
	return nil
}

// inConversation reports whether a step sends a message in a conversation that is held.
func inConversation(step *workflows.Step) bool {
	if step.Uses == nil || step.Uses.Type.Effect != workflows.EffectMessage || step.Uses.Type.Operation == nil {
		return false
	}
	for _, input := range step.Uses.Type.Inputs {
		if input.Name == "takeover" {
			return true
		}
	}
	return false
}
