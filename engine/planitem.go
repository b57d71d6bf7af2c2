package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"youmiflow/workflows"
)

// plannedItem is an item on its way through its ops, in the order and by the rules of scope: what it would do against a
// platform that answers at once. It is also a run's own steps, one after the other.
type plannedItem struct {
	plannedRecord
	ops      []plannedOp // of its shape
	from, to int         // those of them that are its own
	lane     string
	root     bool         // a run's own steps
	more     bool         // which are not all known yet
	book     *plannedBook // of these
	contact  string       // for frequency caps
	deadline int64        // 0: none
	talks    []talk

	state   []opState
	unsaved []int   // ops that were put off once more, which is not on record yet
	held    []int   // by conversation: the op that applied for it, from 1
	ending  []int64 // by conversation: the slot of the call that hands it back; 0: none
	begun   bool    // something of it is on record
	sent    bool    // a message was sent
	out     string  // why its remaining steps are left out
	status  Status  // that it has then
	due     int64   // of a held one: when it goes on
	asleep  bool    // it lets time pass where it is, and its lane with it
}

// opState is where an op is.
type opState struct {
	done   bool
	slot   int64 // that a call has, for later; 0: none
	ahead  int64 // when a conversation may be applied for; 0: not known
	until  int64 // of a wait: when it is over; 0: not begun
	putOff int   // how often the conversation was handed back for it
	child  *plannedChild
}

// planStop says that an item stops for now, as suspended does.
type planStop struct {
	at     int64 // never: until it is woken
	held   bool  // it waits alone
	lane   bool  // the others of its lane cannot go on either
	brief  bool  // a conversation may be kept meanwhile
	asleep bool  // it stays where it is, and its lane with it
	left   *leftOut
}

func (s *planStop) Error() string { return "suspended" }

// reset begins a new item with what its record says.
func (it *plannedItem) reset(ops []plannedOp, from, to int) {
	it.ops, it.from, it.to = ops, from, to
	it.state = append(it.state[:0], make([]opState, len(ops))...)
	it.held = append(it.held[:0], make([]int, it.shape.whoms)...)
	it.ending = append(it.ending[:0], make([]int64, it.shape.whoms)...)
	it.saved()
	it.begun, it.sent, it.out, it.status, it.due, it.asleep = false, false, "", "", 0, false
}

// work brings an item as far as it comes at an instant. It returns nil when the item has ended.
func (t *planTimer) work(ctx context.Context, it *plannedItem, now int64) (*planStop, error) {
	if !it.asleep {
		it.reread()
	}
	it.asleep = false
	stop, err := t.stretch(ctx, it, it.from, it.to, now)
	if err != nil {
		return nil, err
	}
	if stop == nil && !it.more {
		stop, err = t.release(ctx, it, now, false)
	}
	if stop != nil && stop.held && err == nil {
		return t.hold(ctx, it, stop, now)
	}
	return stop, err
}

// stretch does the ops from one to another.
func (t *planTimer) stretch(ctx context.Context, it *plannedItem, from, to int, now int64) (*planStop, error) {
	for i := from; i < to; i = it.ops[i].end {
		if it.state[i].done {
			continue
		}
		stop, err := t.op(ctx, it, i, now)
		if stop != nil && stop.left != nil {
			it.leaveOut(&it.ops[i], stop.left)
			continue
		}
		if stop != nil || err != nil {
			return stop, err
		}
	}
	return nil, nil
}

// op does one op. A stop with a reason to leave out ends the item's other steps.
func (t *planTimer) op(ctx context.Context, it *plannedItem, i int, now int64) (*planStop, error) {
	op := &it.ops[i]
	if !it.root && !op.finally {
		if it.out != "" {
			return nil, nil
		}
		if it.expired(now) {
			return &planStop{left: &leftOut{codeDeadline, ReasonDeadline}}, nil
		}
	}
	switch op.kind {
	case opWait:
		return it.wait(i, now), nil
	case opTogether:
		return t.together(ctx, it, i, now)
	case opChild:
		return t.child(it, i, now), nil
	}
	return t.callOp(ctx, it, i, now)
}

func (it *plannedItem) expired(now int64) bool { return it.deadline > 0 && now >= it.deadline }

// leaveOut leaves out what the item was still to do, as scope.leaveOut does.
func (it *plannedItem) leaveOut(op *plannedOp, why *leftOut) {
	if it.root || op.finally || it.out != "" {
		return
	}
	it.out, it.status = why.reason, StatusSkipped
	if it.sent {
		it.status = StatusFailed
	}
}

// wait lets time pass, as liveFlow.wait does.
func (it *plannedItem) wait(i int, now int64) *planStop {
	op, state := &it.ops[i], &it.state[i]
	if state.until == 0 {
		state.until = it.values[op.value]
		if !op.until {
			state.until += now
		}
		it.begun = true
		it.saved()
	}
	left := state.until - now
	switch {
	case left <= 0:
		state.done = true
		return nil
	case left <= int64(longWait) && !it.root:
		return &planStop{at: state.until, asleep: true}
	}
	return &planStop{at: state.until, held: true, brief: left < int64(longSilence)}
}

// together does branches as far as each comes, as scope.parallel does.
func (t *planTimer) together(ctx context.Context, it *plannedItem, i int, now int64) (*planStop, error) {
	op := &it.ops[i]
	var whole *planStop
	for n, from := range op.branches {
		to := op.end
		if n+1 < len(op.branches) {
			to = op.branches[n+1]
		}
		stop, err := t.stretch(ctx, it, from, to, now)
		if err != nil {
			return nil, err
		}
		switch {
		case stop == nil:
		case whole == nil:
			whole = stop
		default:
			whole = &planStop{at: min(whole.at, stop.at), held: whole.held && stop.held, brief: whole.brief && stop.brief,
				lane: whole.lane && stop.lane, asleep: whole.asleep && stop.asleep}
		}
	}
	if whole == nil {
		it.state[i].done = true
	}
	return whole, nil
}

// callOp makes a call, or says why it is not made yet.
func (t *planTimer) callOp(ctx context.Context, it *plannedItem, i int, now int64) (*planStop, error) {
	op := &it.ops[i]
	if op.takeover == TakeoverEnds && it.handedBack(op.whom) {
		it.state[i].done = true
		return nil, nil
	}
	if stop := t.permit(it, op, now); stop != nil {
		return stop, nil
	}
	if op.takeover == TakeoverApplies {
		if stop, err := t.takeOver(ctx, it, i, now); stop != nil || err != nil {
			return stop, err
		}
	}
	if stop, err := t.slot(ctx, it, i, now); stop != nil || err != nil {
		return stop, err
	}
	if stop := t.permit(it, op, now); stop != nil {
		return stop, nil
	}
	t.leaves(it, op, now)
	it.state[i] = opState{done: true}
	switch op.takeover {
	case TakeoverApplies:
		it.held[op.whom] = i + 1
	case TakeoverEnds:
		it.held[op.whom] = 0
	}
	return nil, nil
}

// handedBack reports whether the item itself applied for a conversation, or would have, and does not hold it.
func (it *plannedItem) handedBack(whom int) bool {
	if it.held[whom] != 0 {
		return false
	}
	for i := range it.ops {
		if it.ops[i].takeover == TakeoverApplies && it.ops[i].whom == whom {
			return true
		}
	}
	return false
}

// leaves counts a call that leaves.
func (t *planTimer) leaves(it *plannedItem, op *plannedOp, now int64) {
	it.begun = true
	it.saved()
	it.sent = it.sent || op.effect == workflows.EffectMessage
	who := it.whoms[op.whom]
	t.planner.tally.call(who.account, t.planner.shapes.names[who.account], op.operation, now)
	if t.planner.heard != nil {
		t.planner.heard(it, op, now)
	}
}

func (op *plannedOp) windowed() bool {
	return windowed(Request{Effect: op.effect, Takeover: op.takeover})
}

// permit is scope.permit: the send window, the deadline, and accounts that are held.
func (t *planTimer) permit(it *plannedItem, op *plannedOp, now int64) *planStop {
	if op.takeover == TakeoverEnds {
		return nil
	}
	if op.windowed() {
		if it.expired(now) {
			return &planStop{left: &leftOut{codeDeadline, ReasonDeadline}}
		}
		if opens := op.book.opensAt(now); opens != 0 {
			return &planStop{at: opens, held: true, lane: true}
		}
	}
	if len(t.planner.tripped) == 0 {
		return nil
	}
	account := t.planner.shapes.names[it.whoms[op.whom].account]
	until := t.planner.trippedUntil(account, now)
	if until == 0 {
		return nil
	}
	return &planStop{at: until, held: true, lane: it.root || it.lane == account}
}

// ask asks the limits for a slot.
func (t *planTimer) ask(ctx context.Context, it *plannedItem, op *plannedOp, path, operation string, peek bool, now int64) (Slot, *planStop, error) {
	who := it.whoms[op.whom]
	call := op.book.call
	call.Operation, call.Effect, call.Account, call.Friend = operation, op.effect, t.planner.shapes.names[who.account], who.friend
	call.Seed, call.Contact, call.Peek = seedOf(it.seed, path), it.contact, peek
	if peek {
		call.Effect = workflows.EffectMessage
	}
	slot, err := op.book.reserve(ctx, now, call, peek || op.windowed(), it.deadline)
	if err != nil {
		stop, err := refusal(err)
		return slot, stop, err
	}
	return slot, nil, nil
}

// refusal is what the answer of a limit that gives no slot means for the item, as scope.asked has it.
func refusal(err error) (*planStop, error) {
	var capped *CapError
	var late *LateError
	switch {
	case errors.As(err, &capped):
		return &planStop{left: &leftOut{codeCapped, "the limit " + capped.Limit + " is reached"}}, nil
	case errors.As(err, &late):
		return &planStop{left: &leftOut{codeDeadline, ReasonDeadline}}, nil
	}
	return nil, fmt.Errorf("timing the plan: %w", err)
}

// takeOver is scope.takeOver: a conversation is applied for when its first message may leave soon.
func (t *planTimer) takeOver(ctx context.Context, it *plannedItem, i int, now int64) (*planStop, error) {
	op, state := &it.ops[i], &it.state[i]
	first := it.firstMessage()
	if first == nil || !op.book.limited && it.deadline == 0 || state.slot != 0 {
		return nil, nil
	}
	if at := state.ahead; at > now {
		return &planStop{at: at}, nil
	}
	state.ahead = 0
	slot, stop, err := t.foresee(ctx, it, op, first, now)
	if stop != nil || err != nil {
		return stop, err
	}
	at := slot.At.UnixNano()
	switch {
	case slot.Cap && at > now:
		return &planStop{at: at, held: true}, nil
	case at-now <= int64(leastLead):
		return nil, nil
	}
	state.ahead = at - int64(leastLead)
	return &planStop{at: state.ahead}, nil
}

// foresee is scope.foresee: when a message may leave.
func (t *planTimer) foresee(ctx context.Context, it *plannedItem, apply *plannedOp, message *talk, now int64) (Slot, *planStop, error) {
	if i := it.opAt(message.path); i >= 0 && it.state[i].slot != 0 {
		return Slot{At: time.Unix(0, it.state[i].slot)}, nil, nil
	}
	return t.ask(ctx, it, apply, message.path, message.operation, true, now)
}

// firstMessage is the next step that sends in a conversation; nil for none.
func (it *plannedItem) firstMessage() *talk {
	for n := range it.talks {
		if !it.sentAt(it.talks[n].path) {
			return &it.talks[n]
		}
	}
	return nil
}

func (it *plannedItem) sentAt(path string) bool {
	i := it.opAt(path)
	return i >= 0 && it.state[i].done
}

// opAt is the place of a call by its step; -1 when the item does not make it.
func (it *plannedItem) opAt(path string) int {
	for i := it.from; i < it.to; i++ {
		if it.ops[i].kind == opCall && it.ops[i].path == path {
			return i
		}
	}
	return -1
}

// slot is scope.awaitSlot: the limits let the call leave now, or say when.
func (t *planTimer) slot(ctx context.Context, it *plannedItem, i int, now int64) (*planStop, error) {
	op, state := &it.ops[i], &it.state[i]
	if !op.book.limited {
		return nil, nil
	}
	if now-state.slot > int64(staleSlot) {
		state.slot = 0 // its turn has passed
	}
	if state.slot == 0 {
		slot, stop, err := t.ask(ctx, it, op, op.path, op.operation, false, now)
		if stop != nil || err != nil {
			return stop, err
		}
		if slot.Cap && slot.At.UnixNano() > now {
			return &planStop{at: slot.At.UnixNano(), held: true}, nil
		}
		state.slot = slot.At.UnixNano()
	}
	left := state.slot - now
	if left >= int64(limitSilence) && it.holds() {
		it.unsaved = append(it.unsaved, i)
		if state.putOff++; state.putOff <= mostPutOff {
			it.begun = true
			return &planStop{at: state.slot - int64(leastLead), held: true, lane: true}, nil
		}
	}
	if left > 0 {
		return &planStop{at: state.slot}, nil
	}
	return nil, nil
}

func (it *plannedItem) holds() bool {
	for _, by := range it.held {
		if by != 0 {
			return true
		}
	}
	return false
}

// saved says that what has become of the item so far is on record, as the run's ledger then has it.
func (it *plannedItem) saved() { it.unsaved = it.unsaved[:0] }

// reread forgets what was not on record when the item was left.
func (it *plannedItem) reread() {
	for _, i := range it.unsaved {
		it.state[i].putOff--
	}
	it.saved()
}

// hold is scope.hold: what the item holds of conversations is handed back, to be applied for again.
func (t *planTimer) hold(ctx context.Context, it *plannedItem, stop *planStop, now int64) (*planStop, error) {
	if !stop.brief {
		if waits, err := t.release(ctx, it, now, true); waits != nil || err != nil {
			return waits, err
		}
	}
	if stop.lane && !it.begun {
		return &planStop{at: stop.at}, nil // it stays as it is, and its lane waits
	}
	it.due = stop.at
	it.saved()
	return stop, nil
}

// release is scope.release: it hands back what the item holds.
func (t *planTimer) release(ctx context.Context, it *plannedItem, now int64, forget bool) (*planStop, error) {
	for whom, by := range it.held {
		if by == 0 {
			continue
		}
		applied := &it.ops[by-1]
		op := plannedOp{kind: opCall, path: applied.path + "/end", operation: t.planner.end.operation, effect: t.planner.end.effect,
			takeover: TakeoverEnds, whom: whom, book: applied.book}
		if op.book.limited {
			if it.ending[whom] == 0 || now-it.ending[whom] > int64(staleSlot) { // none yet, or its turn has passed
				slot, stop, err := t.ask(ctx, it, &op, op.path, op.operation, false, now)
				if stop != nil || err != nil {
					return stop, err
				}
				it.ending[whom] = max(1, slot.At.UnixNano())
			}
			if it.ending[whom] > now {
				return &planStop{at: it.ending[whom]}, nil
			}
			it.ending[whom] = 0
		}
		t.leaves(it, &op, now)
		it.held[whom] = 0
		if forget {
			it.state[by-1] = opState{}
		}
	}
	return nil, nil
}

// contactOf names an item for frequency caps: unlike any that is on record.
func contactOf(step string, rank int64) string { return fmt.Sprintf("plan/%s/%d", step, rank) }

// asTime is an instant of the virtual clock.
func (p *planner) asTime(at int64) time.Time { return time.Unix(0, at).In(p.engine.Location) }
