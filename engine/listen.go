package engine

import (
	"context"
	"fmt"
	"time"

	"youmiflow/workflows"
)

// Listen has events of a customer wake an item while it is held (EventSource.Listening). It belongs into the entry that
// holds the item.
type Listen struct {
	Item   int64
	Friend string
}

func (Listen) change() {}

// wokenAt is until when an item is held that an event has woken: it tells such items, which do not stand in line, from
// those whose time has merely come.
func wokenAt() time.Time { return time.UnixMicro(1).UTC() }

// Woken reports whether an event has woken an item, so that it goes on as soon as its lane is looked at.
func (i Item) Woken() bool { return i.Status == StatusHeld && i.Until.Equal(wokenAt()) }

// mostListening bounds how many items are told of an event in one entry.
const mostListening = 500

// tell has the items looked at again that are put aside and whose customer an event names. What the event means for them
// they find out themselves, as before each call. It costs a look at an index where nobody listens.
func (e *Engine) tell(ctx context.Context, event Event) error {
	if event.Friend == "" {
		return nil
	}
	for after := int64(0); ; {
		items, err := e.Events.Listening(ctx, event.Friend, after, mostListening)
		if err != nil {
			return err
		}
		var changes []Change
		woken := map[LaneKey]bool{}
		for _, item := range items {
			after = item.ID
			lane := LaneKey{Run: item.Run, Step: item.Step, Lane: item.Lane}
			if !e.tells(lane, item, event) {
				continue
			}
			changes = append(changes, SetItem{ID: item.ID, Run: item.Run, Step: item.Step, From: StatusHeld, To: StatusHeld,
				Reason: item.Reason, Until: wokenAt()})
			if !woken[lane] {
				woken[lane] = true
				changes = append(changes, Wake{LaneKey: lane})
			}
		}
		if len(changes) > 0 {
			if err := e.commit(ctx, changes...); err != nil {
				return fmt.Errorf("waking the items that wait: %w", err)
			}
		}
		if len(items) < mostListening {
			return nil
		}
	}
}

// tells reports whether an event may be meant for an item, and notes that it is to be looked at first. Of a run that this
// process does not work on nothing is known: it may.
func (e *Engine) tells(lane LaneKey, item Item, event Event) bool {
	e.mu.Lock()
	active := e.active[item.Run]
	e.mu.Unlock()
	if active == nil {
		return true
	}
	step := findStep(active.workflow, item.Step)
	if step == nil || step.Foreach.StopWhen == nil {
		return false
	}
	stop := step.Foreach.StopWhen
	if stop.Event != event.Kind || stop.If == nil && spoken(event.Kind) && event.From == SpokeAccount {
		return false
	}
	active.noteHeard(lane, item.ID)
	return true
}

// hearing is what a process knows of the lanes of a run that have items put aside.
type hearing struct {
	heard map[LaneKey][]int64   // items of whose customer something was heard
	rests map[LaneKey]time.Time // until when a lane need not be looked through for that
}

// mostHeardItems bounds those that are noted of a lane: beyond it, all of the lane is looked through.
const mostHeardItems = 1000

// noteHeard notes items that are to be looked at first.
func (a *activeRun) noteHeard(lane LaneKey, items ...int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heard[lane])+len(items) > mostHeardItems {
		delete(a.heard, lane) // as if the process had just begun with the lane
		delete(a.rests, lane)
		return
	}
	if _, begun := a.heard[lane]; !begun {
		return // whoever takes up the lane finds them
	}
	a.heard[lane] = append(a.heard[lane], items...)
}

// takeHeard returns, and forgets, the items of a lane that were noted. First is true when the lane was not taken up before.
func (a *activeRun) takeHeard(lane LaneKey) (ids []int64, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids, known := a.heard[lane]
	if a.heard == nil {
		a.heard = map[LaneKey][]int64{}
	}
	a.heard[lane] = nil
	return ids, !known
}

// lookedThrough notes until when a lane need not be looked through again.
func (a *activeRun) lookedThrough(lane LaneKey, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rests == nil {
		a.rests = map[LaneKey]time.Time{}
	}
	a.rests[lane] = until
}

func (a *activeRun) restsUntil(lane LaneKey) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rests[lane]
}

// listens reports whether events may leave out the rest of the item.
func (s *scope) listens() bool {
	return s.turn.stops != nil && s.engine.Events != nil && s.active.run.Test == nil
}

// listenTo is what has the events of the customer wake the item that is about to be held.
func (s *scope) listenTo() []Change {
	if !s.listens() {
		return nil
	}
	request, found := s.ahead()
	if !found {
		return nil
	}
	return []Change{Listen{Item: s.item.ID, Friend: request.Friend}}
}

// aside has a begun item that listens be held where it would only wait for its slot, so that it can be woken. It keeps its
// conversation: if that is to be handed back, it has been.
func (s *scope) aside(err error) error {
	stop, ok := isSuspended(err)
	if !ok || stop.held != "" || !s.listens() || s.entries() == 0 || stop.at.Sub(s.engine.Now()) <= longWait {
		return err
	}
	held := *stop
	held.held = "held until " + clockText(s.engine.Now(), stop.at, s.engine.Location)
	held.brief, held.lane = true, true
	return &held
}

// overheard lets a held item go on at once when an event came before the ledger knew that it listens: nobody else will.
func (s *scope) overheard(ctx context.Context, err error) error {
	stop, ok := isSuspended(err)
	if !ok || stop.held == "" || s.kept.status != StatusHeld || !s.listens() {
		return err
	}
	if err := waitAll(ctx, s.receipts); err != nil {
		return err
	}
	why, problem := s.stoppedAhead(ctx)
	if problem != nil {
		return problem
	}
	if why == nil {
		return err
	}
	return orElse(s.remember(ctx), &suspended{at: s.engine.Now()})
}

// stoppedAhead says whether an event leaves out what the item would do next. It is asked before an item waits.
func (s *scope) stoppedAhead(ctx context.Context) (*leftOut, error) {
	if !s.listens() || s.ending {
		return nil, nil
	}
	request, found := s.ahead()
	if !found {
		return nil, nil
	}
	return s.stoppedBy(ctx, request)
}

// ahead is the next call of the item that an event may leave out, as far as that can be told before.
func (s *scope) ahead() (Request, bool) {
	if len(s.lists) == 0 {
		return Request{}, false
	}
	if s.standing == nil { // conditions ask how the list stands
		s.standing = newStanding(nil)
		defer func() { s.standing = nil }()
	}
	return s.aheadIn(s.lists[0])
}

func (s *scope) aheadIn(list []*workflows.Step) (Request, bool) {
	for _, step := range list {
		if r := s.result(step.Path); r != nil && r.Status != "" || s.passes(step) {
			continue
		}
		if request, found := s.would(step); found {
			return request, true
		}
		nested := [][]*workflows.Step{step.Steps}
		for _, branch := range step.Parallel {
			nested = append(nested, branch.Steps)
		}
		for _, list := range nested {
			if request, found := s.aheadIn(list); found {
				return request, true
			}
		}
	}
	return Request{}, false
}

// passes reports whether a step's condition does not hold as things stand.
func (s *scope) passes(step *workflows.Step) bool {
	if step.If == nil {
		return false
	}
	value, err := step.If.Eval(s.names)
	yes, _ := value.(bool)
	return err == nil && !yes
}

// would is the call that a step would make as things stand, where an event may leave it out. A step that needs what is not
// there yet has none.
func (s *scope) would(step *workflows.Step) (Request, bool) {
	if step.Uses == nil || !speaks([]*workflows.Step{step}) {
		return Request{}, false
	}
	entry, ok := s.engine.Steps.Step(step.Uses.Name)
	if !ok {
		return Request{}, false
	}
	inputs, err := step.Uses.With.Eval(s.names)
	if err != nil {
		return Request{}, false
	}
	with, _ := inputs.(map[string]any)
	action, err := entry.Prepare(Input{Connection: s.active.run.Connection, Run: s.active.run.ID, Step: step.Path, With: with,
		Commit: s.active.run.Commit, Files: s.active.files})
	if err != nil || action.Request == nil || action.Request.Friend == "" || !windowed(*action.Request) {
		return Request{}, false
	}
	return *action.Request, true
}
