package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"youmiflow/workflows"
)

// scope runs lists of steps on behalf of one item: a foreach item, or a run's root. It knows what its steps gave so
// far, so that it goes on at the first unfinished one.
type scope struct {
	engine *Engine
	active *activeRun
	item   Item
	fence  Fence
	turn   turn
	caller caller // makes the calls: for real, or for a plan
	loops  loops  // runs a foreach; nil where there can be none
	flow   flow   // waits, asks people and calls other workflows: for real, or for a plan
	// record keeps a finished step of a run's own; nil for a foreach item, whose progress says it all.
	record func(ctx context.Context, path string, r *result) error

	names      map[string]any
	steps      map[string]any         // names["steps"]: the outer ones until a step of this scope has a result
	own        bool                   // steps belongs to this scope
	spare      map[string]*spareNames // what steps held for the item before, to be filled anew; nil: this scope has one item
	scratch    *workflows.Scratch     // lent to inputs and requests; nil: they are made anew
	kept       *kept
	standing   *standing           // of the list being run
	ending     bool                // in a finally
	forgetting bool                // what is handed back is to be applied for again
	handing    bool                // handing back what the workflow did not: goes on whatever is wanted of the run
	lists      [][]*workflows.Step // everything the item may do
	under      *[]*workflows.Limit // the shared limits when it began
	last       *workflows.Step     // the last that may call: its outcome is committed with the item's end
	unsaved    []Change            // that outcome
	receipts   []Receipt           // of what was appended and not waited for
}

// result is what a step gave. The ones of calls are kept in the item's progress.
type result struct {
	Status   Status         `json:"status,omitempty"` // "" while attempts go on
	Outputs  map[string]any `json:"outputs,omitempty"`
	Error    *Failure       `json:"error,omitempty"`
	Attempts int            `json:"attempts,omitempty"`
	// Takeover is the state of the takeover that this step applied for, and Held its handle.
	Takeover TakeoverState `json:"takeover,omitempty"`
	Held     Handle        `json:"held,omitempty"`
	// Doubt says that an attempt to apply was never answered: it may be held whatever a later attempt is told.
	Doubt bool `json:"doubt,omitempty"`
	// Before is how many of the attempts were made for earlier looks of a wait.
	Before int `json:"before,omitempty"`
	// Since, Until and Next are those of a wait: when it began, when it is over, and when it looks again.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Next  time.Time `json:"next,omitzero"`
	// Child is the run that a call has made.
	Child string `json:"child,omitempty"`
	// Sent says that a message was sent, or may have been.
	Sent bool `json:"sent,omitempty"`
	// PutOff counts how often a conversation was handed back because the limits kept this step waiting.
	PutOff int `json:"put_off,omitempty"`
}

// standing is how a list of steps stands so far.
type standing struct {
	status  Status // succeeded, failed, unknown or cancelled
	failure *Failure
	ran     bool      // at least one step did something
	body    *standing // of a finally: how the list before it ended
}

func newStanding(body *standing) *standing { return &standing{status: StatusSucceeded, body: body} }

func (st *standing) clean() bool { return st.status == StatusSucceeded }

// worsen lowers the standing: cancelled, then unknown, then failed, whichever came first.
func (st *standing) worsen(status Status, failure *Failure) {
	if st.clean() {
		st.status, st.failure = status, failure
	}
}

// suspended says that the item stops here for now; its progress is kept. At is when it makes sense to go on, zero when
// a request decides that.
type suspended struct {
	at time.Time
	// held, when not empty, is why the item waits alone, such as a frequency cap or a wait between two messages: others of
	// its lane go on.
	held string
	// brief says that a conversation may be kept meanwhile.
	brief bool
	// children are the runs whose end wakes a held item: any of them may be over before the item is held.
	children []string
	// lane says that the others of its lane cannot go on either.
	lane bool
	// waits says why, where the whole lane waits.
	waits *Waits
}

func (s *suspended) Error() string { return "suspended" }

// errCancelled ends a wait because the run is cancelled.
var errCancelled = errors.New("the run was cancelled")

// newScope prepares a scope that goes on where the item's progress stands. outer holds the results of the steps
// around it, by id.
func newScope(e *Engine, active *activeRun, item Item, outer map[string]any) (*scope, error) {
	s := &scope{
		engine: e, active: active, item: item,
		kept: newKept(), names: make(map[string]any, 16), steps: outer, under: e.limits.Load(),
	}
	if item.Status != "" {
		s.kept.status = item.Status
	}
	maps.Copy(s.names, active.names)
	s.names["secrets"] = e.secrets
	if outer != nil {
		s.names["steps"] = outer
	}
	s.bind()
	if len(item.Progress) > 0 {
		if err := decodeProgress(item.Progress, &s.kept.results); err != nil {
			return nil, fmt.Errorf("item %d: reading its progress: %w", item.ID, err)
		}
		for _, path := range s.holding() { // it may have been taken by a process that is gone
			held := s.kept.results[path].Held
			s.engine.conversations.take(s.conversation(Request{Account: fmt.Sprint(held["account"]), Friend: fmt.Sprint(held["friend"])}), s.holder())
		}
	}
	return s, nil
}

// bind lets the status functions speak of this scope.
func (s *scope) bind() {
	s.names["success"] = func() bool {
		return s.standing.clean() && (s.standing.body == nil || s.standing.body.clean()) && !s.cancelled()
	}
	s.names["failure"] = func() bool {
		return s.standing.broken() || s.standing.body != nil && s.standing.body.broken()
	}
	s.names["cancelled"] = s.cancelled
	s.names["always"] = func() bool { return true }
}

func (st *standing) broken() bool { return st.status == StatusFailed || st.status == StatusUnknown }

func (s *scope) cancelled() bool { return s.active.cancelling.Load() }

// body runs a list and then its finally, and returns how the list ended. What a finally does never changes the
// outcome: a customer that was messaged stays messaged. Its failure is returned besides.
func (s *scope) body(ctx context.Context, list, finally []*workflows.Step) (*standing, *Failure, error) {
	body := newStanding(nil)
	if s.standing != nil {
		body.body = s.standing.body // a group of a finally speaks of the list before it too
	}
	if err := s.list(ctx, list, body); err != nil {
		return nil, nil, err
	}
	if len(finally) == 0 {
		return body, nil, nil
	}
	wasEnding := s.ending
	s.ending = true
	defer func() { s.ending = wasEnding }()
	end := newStanding(body)
	if err := s.list(ctx, finally, end); err != nil {
		return nil, nil, err
	}
	body.ran = body.ran || end.ran
	return body, end.failure, nil
}

func (s *scope) list(ctx context.Context, list []*workflows.Step, st *standing) error {
	around := s.standing
	s.standing = st
	defer func() { s.standing = around }()
	for _, step := range list {
		r, err := s.step(ctx, step, st)
		if err != nil {
			return err
		}
		s.take(step, r, st)
		if s.record != nil && (step.Foreach == nil || r.Status == StatusSkipped) {
			if err := s.record(ctx, step.Path, s.afterwards(step, r)); err != nil {
				return err
			}
		}
	}
	return nil
}

// take lets a result count: for the names, and for the standing of the list.
func (s *scope) take(step *workflows.Step, r *result, st *standing) {
	if step.ID != "" {
		s.name(step.ID, r)
	}
	switch r.Status {
	case StatusSkipped:
		return
	case StatusFailed, StatusUnknown:
		if !step.ContinueOnError {
			st.worsen(r.Status, r.Error)
		}
	case StatusCancelled:
		st.worsen(r.Status, r.Error)
		return
	}
	st.ran = true
}

// name lets expressions see a result.
func (s *scope) name(id string, r *result) {
	if s.spare == nil {
		s.see(id, stepNames(r))
		return
	}
	spare := s.spare[id]
	if spare == nil {
		spare = &spareNames{}
		s.spare[id] = spare
	}
	s.see(id, spare.fill(r))
}

func (s *scope) see(id string, names any) {
	if !s.own {
		steps := make(map[string]any, len(s.steps)+4)
		maps.Copy(steps, s.steps)
		s.steps, s.own = steps, true
		s.names["steps"] = steps
	}
	s.steps[id] = names
}

func (s *scope) step(ctx context.Context, step *workflows.Step, st *standing) (*result, error) {
	if r := s.result(step.Path); r != nil && r.Status != "" {
		return s.active.typed(step, r), nil
	}
	if r := s.tooLate(); r != nil {
		return r, nil
	}
	wanted, err := s.wanted(step, st)
	if err != nil {
		return failed("expression", err), nil
	}
	if step.Foreach != nil && s.cancelled() {
		return s.loops.foreach(ctx, s, step) // only it knows whether items were begun
	}
	if !wanted && step.Foreach != nil {
		if r, err := s.leaveForeach(ctx, step); r != nil || err != nil {
			return r, err
		}
	}
	if !wanted && s.cancelled() && s.entered(step) {
		wanted = true // its finally is still to run
	}
	if !wanted && st.clean() && !step.IfSeesStatus && s.cancelled() && !s.ending {
		return &result{Status: StatusCancelled}, nil
	}
	if !wanted {
		return &result{Status: StatusSkipped}, nil
	}
	switch {
	case step.Uses != nil:
		return s.uses(ctx, step)
	case step.Foreach != nil:
		return s.loops.foreach(ctx, s, step)
	case step.Parallel != nil:
		return s.parallel(ctx, step)
	case step.Call != nil:
		return s.flow.child(ctx, s, step)
	case step.Wait != nil:
		return s.flow.wait(ctx, s, step)
	case step.Approve != nil:
		return s.flow.approve(ctx, s, step)
	case step.Set != nil:
		return s.set(step), nil
	default:
		return s.group(ctx, step)
	}
}

// wanted decides whether a step runs: nothing before it in its list failed, unless its condition asks for the status
// itself, and its condition holds. Once a run is cancelled only a finally goes on.
func (s *scope) wanted(step *workflows.Step, st *standing) (bool, error) {
	if !step.IfSeesStatus && (!st.clean() || s.cancelled() && !s.ending) {
		return false, nil
	}
	if step.If == nil {
		return true, nil
	}
	value, err := step.If.Eval(s.names)
	if err != nil {
		return false, err
	}
	yes, ok := value.(bool)
	if !ok {
		return false, fmt.Errorf("line %d: `if` gave %v, not true or false", step.Span.Line, value)
	}
	return yes, nil
}

func (s *scope) set(step *workflows.Step) *result {
	outputs := make(map[string]any, len(step.Set))
	for _, assignment := range step.Set {
		value, err := assignment.Value.Eval(s.names)
		if err != nil {
			return failed("expression", err)
		}
		outputs[assignment.Name] = value
	}
	return &result{Status: StatusSucceeded, Outputs: outputs}
}

func (s *scope) group(ctx context.Context, step *workflows.Step) (*result, error) {
	st, _, err := s.body(ctx, step.Steps, step.Finally)
	if err != nil {
		return nil, err
	}
	if !st.ran && st.clean() {
		return &result{Status: StatusSkipped}, nil
	}
	return &result{Status: st.status, Error: st.failure}, nil
}

func (s *scope) uses(ctx context.Context, step *workflows.Step) (*result, error) {
	inputs, err := step.Uses.With.EvalIn(s.names, s.scratch)
	if err != nil {
		return failed("expression", err), nil
	}
	with, _ := inputs.(map[string]any)
	with = s.redirect(step, with)
	entry, ok := s.engine.Steps.Step(step.Uses.Name)
	if !ok {
		return failed("unknown-step", fmt.Errorf("there is no step %q in this version", step.Uses.Name)), nil
	}
	action, err := entry.Prepare(Input{Connection: s.active.run.Connection, Run: s.active.run.ID, Step: step.Path, Item: s.item.Key, With: with,
		Commit: s.active.run.Commit, Files: s.active.files, Sandbox: s.active.run.Sandbox, Test: s.active.run.Test != nil, Scratch: s.scratch})
	if err != nil {
		return failed("input", s.engine.redactor.Error(err)), nil
	}
	if why := s.astray(step, action); why != "" && action.Skip == "" {
		return s.passOver(why), nil
	}
	switch {
	case action.Skip != "":
		return &result{Status: StatusSkipped, Error: &Failure{Code: "skipped", Message: action.Skip}}, nil
	case action.Request != nil:
		if why := s.refused(*action.Request); why != nil {
			return s.leaveOut(why), nil
		}
		if r := s.refusedFor(*action.Request); r != nil {
			return r, nil
		}
		if r := s.doubtful(step, *action.Request); r != nil {
			return r, nil
		}
		return s.caller.call(ctx, s, step, action)
	case action.Perform == nil:
		return &result{Status: StatusSucceeded, Outputs: action.Assumed}, nil
	}
	return s.caller.local(ctx, s, step, action)
}

// local turns the outcome of a step that calls nobody into its result.
func local(outcome Outcome) *result {
	if outcome.State == Succeeded {
		return &result{Status: StatusSucceeded, Outputs: outcome.Outputs}
	}
	return &result{Status: StatusFailed, Outputs: outcome.Outputs,
		Error: &Failure{Code: outcome.Code, Message: outcome.Message}}
}

func failed(code string, err error) *result {
	return &result{Status: StatusFailed, Error: &Failure{Code: code, Message: err.Error()}}
}
