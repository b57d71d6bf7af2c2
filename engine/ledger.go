package engine

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"youmiflow/workflows"
)

// Errors that callers decide on.
var (
	// ErrNotFound says that the ledger has no such row.
	ErrNotFound = errors.New("not found")
	// ErrStale says that the lane was taken over: nothing of the entry was committed, and nothing more may be sent.
	ErrStale = errors.New("the lane was taken over")
	// ErrOver says that a run is over, or being cancelled, and nothing else can be wanted of it.
	ErrOver = errors.New("the run is over")
	// ErrChanged says that something else is asked of the run by now than whoever wanted to change that has seen.
	ErrChanged = errors.New("something else is asked of the run by now")
	// ErrExists says that a row that must be unique is there already, such as a run of the same workflow and instant.
	ErrExists = errors.New("already there")
)

// Ledger keeps what happened. Every write goes through Append, in order, and is durable when its receipt says so.
// An implementation gathers what many goroutines append and commits it at once (group commit).
type Ledger interface {
	// Append queues the entry behind all earlier ones. It blocks while the queue is full.
	Append(ctx context.Context, entry Entry) Receipt
	// Seize takes the lane: it raises the epoch, so that nobody else's entries are accepted any more, and returns the
	// row as it is then. Clean tells whether the last holder let go in order.
	Seize(ctx context.Context, key LaneKey) (Lane, error)
	// Run returns one run with its counts. ErrNotFound.
	Run(ctx context.Context, id string) (Run, error)
	// Runs returns runs, newest first.
	Runs(ctx context.Context, filter RunFilter) ([]Run, error)
	// Counts returns how many items of a step are in each status.
	Counts(ctx context.Context, run, step string) (map[Status]int, error)
	// Workflow returns the text a run was started with. ErrNotFound.
	Workflow(ctx context.Context, digest string) (WorkflowVersion, error)
	// Steps returns what is recorded of the steps outside any foreach.
	Steps(ctx context.Context, run string) ([]StepRow, error)
	// Lanes returns the lanes of a foreach (or, with step "", the run's own).
	Lanes(ctx context.Context, run, step string) ([]Lane, error)
	// Items streams items by sequence.
	Items(ctx context.Context, filter ItemFilter) iter.Seq2[Item, error]
	// Calls streams calls by item, then in the order of their intents.
	Calls(ctx context.Context, filter CallFilter) iter.Seq2[Call, error]
	// Takeovers returns takeovers, oldest first.
	Takeovers(ctx context.Context, filter TakeoverFilter) ([]Takeover, error)
	// Accounts returns the operating accounts that are tripped.
	Accounts(ctx context.Context) ([]Account, error)
}

// Receipt waits until an entry is durable.
type Receipt interface {
	// Wait returns nil when the entry is durable, such as ErrStale or ErrExists when it was refused, or ctx's error: then the
	// entry may yet be committed.
	Wait(ctx context.Context) error
}

// Entry is a set of changes that are committed together or not at all.
type Entry struct {
	// Fence, when set, makes the entry conditional on the lane's epoch.
	Fence   *Fence
	Changes []Change
}

// Fence names a lane and the epoch under which an entry may be committed.
type Fence struct {
	LaneKey
	Epoch int64
}

// Change is one change of the ledger.
type Change interface{ change() }

// The changes.
type (
	// AddWorkflow keeps a text; one that is there already is left alone.
	AddWorkflow struct{ WorkflowVersion }
	// AddRun adds a run with its own lane and its root item (step "", sequence 0). ErrExists when there is one of that ID,
	// or when the workflow has a run of the same ScheduledAt and trigger other than a manual one: neither those that
	// another run calls nor those of no ScheduledAt are counted among these.
	AddRun struct{ Run }
	// SetRun changes the fields that are not nil. Wanted is refused with ErrOver once the run is over, and once it is
	// WantCancel, which is final. With If the entry is refused with ErrChanged when the run is asked for anything else than
	// that, so that what a person asks for meanwhile is never overwritten.
	SetRun struct {
		ID         string
		If         *Asked
		Status     *Status
		Wanted     *Wanted
		StartedAt  *time.Time
		FinishedAt *time.Time
		Error      *Failure
		Outputs    json.RawMessage
	}
	// SetStep writes the row of a step outside any foreach.
	SetStep struct{ StepRow }
	// AddItems adds a batch of the audience snapshot. An item whose key another item of the step has already is added
	// as skipped with Reason ReasonDuplicate. An item that arrives skipped (where, empty key) takes no part in that.
	AddItems struct {
		Run, Step string
		Items     []Item
	}
	// DropItems forgets an unfinished snapshot.
	DropItems struct{ Run, Step string }
	// AddLanes adds a lane for each distinct lane of the step's pending items, and wakes each of them. With a Wave it
	// looks at the items of that wave only, and opens lanes again that were done with an earlier one.
	AddLanes struct {
		Run, Step string
		Wave      int
	}
	// SetItem moves an item from one status to another and keeps its progress (nil leaves it). When the item is no
	// longer in From, nothing changes. Until is kept with StatusHeld, zero with any other.
	SetItem struct {
		ID       int64
		Run      string
		Step     string
		From, To Status
		Reason   string
		Until    time.Time
		Progress json.RawMessage
	}
	// EndItems moves every pending or held item of the lane that has no progress to a status: cancelled, or skipped.
	EndItems struct {
		LaneKey
		To     Status
		Reason string
	}
	// AssignWaves numbers the pending items of a step by sequence: the first Sizes[0] of them belong to wave 1, and so
	// on. Whatever is left over belongs to the last. It is meant for a whole snapshot of which nothing is begun: an item
	// that is no longer pending is not counted, and belongs to the wave of its neighbours.
	AssignWaves struct {
		Run, Step string
		Sizes     []int
	}
	// Decide keeps a person's decision on a step that waits for one: the step's row, held, becomes succeeded or failed.
	// ErrOver when it does not wait for one (any more), or its run is over or being cancelled. The row's outputs gain
	// "decision", "by", "at" and "note"; a rejected one has the error code "rejected". The run's own lane is woken, and an
	// audit row says who did it.
	Decide struct {
		Run, Path string
		Decision  workflows.Decision
		Who, Note string
		At        time.Time
	}
	// SetAccount writes what is known against an operating account; one that is not Tripped is forgotten.
	SetAccount struct{ Account }
	// AddCall is the intent of a call.
	AddCall struct{ Call }
	// SetCall is the outcome of a call. It only applies to a call in state intent or unknown.
	SetCall struct {
		CallKey
		Run        string
		State      CallState
		Code       string
		Message    string
		RequestID  string
		TaskID     string
		FinishedAt time.Time
	}
	// SetTakeover adds or changes the takeover of that item and step.
	SetTakeover struct{ Takeover }
	// SetLane writes how the lane's holder leaves it.
	SetLane struct {
		LaneKey
		Done  bool
		Clean bool
		Waits *Waits // why nobody works on it now; nil: nothing is known of that
	}
	// Wake has the lane worked on, at once or at an instant.
	Wake struct {
		LaneKey
		At time.Time
	}
	// SetEventCursor keeps up to which event everything that follows from events has been done.
	SetEventCursor struct{ Sequence int64 }
	// AddAudit keeps who did what.
	AddAudit struct {
		At                    time.Time
		Who, Action, On, Note string
	}
)

func (AddWorkflow) change() {}
func (AddRun) change()      {}
func (SetRun) change()      {}
func (SetStep) change()     {}
func (AddItems) change()    {}
func (DropItems) change()   {}
func (AddLanes) change()    {}
func (SetItem) change()     {}
func (EndItems) change()    {}
func (AssignWaves) change() {}
func (Decide) change()      {}
func (SetAccount) change()  {}
func (AddCall) change()     {}
func (SetCall) change()     {}
func (SetTakeover) change() {}
func (SetLane) change()     {}
func (Wake) change()        {}
func (AddAudit) change()    {}

func (SetEventCursor) change() {}

// Status is where a run, a step or an item is.
type Status string

// The statuses. A run is also partial: it finished, with failed or unknown items.
const (
	StatusPending   Status = "pending"
	StatusHeld      Status = "held"
	StatusRunning   Status = "running"
	StatusPaused    Status = "paused"
	StatusSucceeded Status = "succeeded"
	StatusPartial   Status = "partial"
	StatusFailed    Status = "failed"
	StatusUnknown   Status = "unknown"
	StatusSkipped   Status = "skipped"
	StatusCancelled Status = "cancelled"
)

// Over reports whether nothing more will happen.
func (s Status) Over() bool {
	switch s {
	case StatusSucceeded, StatusPartial, StatusFailed, StatusUnknown, StatusSkipped, StatusCancelled:
		return true
	}
	return false
}

// Wanted is what people want of a run; the engine brings its status there.
type Wanted string

// What can be wanted.
const (
	WantRun    Wanted = "run"
	WantPause  Wanted = "pause"
	WantCancel Wanted = "cancel"
)

// Asked is what is asked of a run, and why.
type Asked struct {
	Wanted Wanted
	Code   string // that of the run's error; "" when it has none
}

// Asked is what is asked of the run now.
func (r Run) Asked() Asked {
	asked := Asked{Wanted: r.Wanted}
	if r.Error != nil {
		asked.Code = r.Error.Code
	}
	return asked
}

// Reasons of items that are skipped before anything was tried. A plan uses the same words.
const (
	ReasonWhere     = "where is false"
	ReasonEmptyKey  = "empty key"
	ReasonDuplicate = "duplicate key"
	ReasonNoStep    = "no step applied"
	// ReasonSuppressed is that of a customer whom nobody may write to.
	ReasonSuppressed = "on the suppression list"
	// ReasonDeadline is that of what was not begun when the run's deadline passed.
	ReasonDeadline = "the deadline has passed"
)

// Failure is an error as the ledger keeps it.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Afterwards says, in the row of a step, that it stands in a `finally`.
	Afterwards bool `json:"afterwards,omitempty"`
}

// WorkflowVersion is one text of a workflow.
type WorkflowVersion struct {
	Digest string
	Name   string
	File   string
	Commit string // git commit; "" when unknown
	Source []byte
}

// Run is one execution of a workflow.
type Run struct {
	ID          string
	Workflow    string
	Digest      string
	Connection  string
	Sandbox     bool
	Params      map[string]any
	Trigger     string    // "manual", "schedule", …
	ScheduledAt time.Time // zero for a manual run
	CreatedAt   time.Time
	StartedAt   time.Time
	FinishedAt  time.Time
	Status      Status
	Wanted      Wanted
	Plan        string // digest of the plan it is bound to, or was made of
	Commit      string
	// Parent is the item and step that called this run; nil for a run of its own. It is cancelled and paused with it, and
	// wakes it when it is over.
	Parent *Parent
	// Versions are the digests of the workflows that this one calls, and they call in turn, by name.
	Versions map[string]string
	// Test, when set, is the recipient who gets every message of this run in place of the real ones.
	Test *Test
	// Event is what started the run, as expressions see it (Event.Names); nil when no event did.
	Event map[string]any
	// Outputs are what the workflow gave to whoever called it.
	Outputs json.RawMessage
	// NotBefore is the instant before which the run is not begun; zero: at once.
	NotBefore time.Time
	// Queued has the run wait until every earlier run of its workflow is over.
	Queued bool
	// Copied is when the backup was made from which the run comes, as one that was not over; zero: it comes from none. What
	// it sent since then is not known, and so nothing more of it is sent.
	Copied time.Time
	// Request is what a request with a key asked for that has added the run, where that does not follow from the run itself:
	// text of whoever takes such requests. "" for any other run.
	Request string
	// Foreach says whether counts are those of foreach items, or of the run itself (the root item).
	Foreach   bool
	Error     *Failure
	Counts    map[Status]int // items by status
	Calls     map[CallState]int
	Takeovers map[TakeoverState]int
}

// Parent is what called a run.
type Parent struct {
	Run  string  `json:"run"`
	Item int64   `json:"item"`
	Step string  `json:"step"` // path of the step with `call`
	Lane LaneKey `json:"lane"` // that is woken when the run is over
}

// Test is the one recipient of a test send.
type Test struct {
	Account string `json:"account"`
	Friend  string `json:"friend"`
	Rows    int    `json:"rows"` // of each foreach, at most
}

// Account is an operating account whose calls are held.
type Account struct {
	Connection string
	Account    string
	Tripped    bool
	At         time.Time
	Until      time.Time // when it is tried again; zero: not before a person clears it
	Reason     string
}

// RunFilter selects runs. Zero fields select all.
type RunFilter struct {
	Workflow string
	Parent   string // runs that this run has called
	Sandbox  *bool  // only rehearsals, or only runs for real; nil: both
	Statuses []Status
	Before   string // only runs that were added before the one of this id; none when there is no such run
	Limit    int
}

// StepRow is a step of a run outside any foreach.
type StepRow struct {
	Run     string
	Path    string
	Status  Status
	Outputs json.RawMessage
	Error   *Failure
}

// LaneKey names a lane: the items of a foreach that are worked on one behind the other, or, with step and lane "", the
// run's own steps.
type LaneKey struct {
	Run  string `json:"run"`
	Step string `json:"step"`
	Lane string `json:"lane"`
}

// Lane is a lane's row.
type Lane struct {
	LaneKey
	Epoch int64
	Done  bool
	Clean bool
	Waits *Waits // what SetLane has written, until the lane is taken up again
}

// Item is one recipient or row of a foreach, or a run's root.
type Item struct {
	ID       int64 // given by the ledger, increasing with Sequence within a step
	Run      string
	Step     string
	Sequence int64
	Row      int // number in the source; 0 when it has none
	Key      string
	Lane     string
	Data     json.RawMessage
	Variant  string
	Wave     int
	Status   Status
	Reason   string
	Until    time.Time       // of a held one: when it goes on
	Progress json.RawMessage // what its finished steps gave
}

// ItemFilter selects items of a run. Zero fields select all. Root items are left out unless asked for.
type ItemFilter struct {
	Run      string
	Step     *string
	Lane     *string
	Statuses []Status
	Wave     int // 0: all
	AfterID  int64
	Limit    int
	Root     bool
}

// CallState is where a call is.
type CallState string

// The call states.
const (
	CallIntent    CallState = "intent"
	CallSucceeded CallState = "succeeded"
	CallFailed    CallState = "failed"
	CallUnknown   CallState = "unknown"
)

// CallKey names a call.
type CallKey struct {
	Item    int64
	Step    string // path within the body
	Attempt int    // from 1
}

// Call is one API call.
type Call struct {
	CallKey
	Run        string
	Operation  string
	Effect     workflows.Effect
	Account    string
	Friend     string
	Request    json.RawMessage
	State      CallState
	Code       string
	Message    string
	RequestID  string
	TaskID     string
	StartedAt  time.Time
	FinishedAt time.Time
}

// CallFilter selects calls of a run, or of one item.
type CallFilter struct {
	Run    string
	Item   int64 // 0: all
	States []CallState
	// Lane, when set, keeps to the items of that lane.
	Lane *LaneKey
	// AfterItem keeps to the items of greater ids; 0: all.
	AfterItem int64
}

// TakeoverState is where a takeover is.
type TakeoverState string

// The takeover states.
const (
	TakeoverIntended TakeoverState = "intended"
	TakeoverHeld     TakeoverState = "held"
	TakeoverEnded    TakeoverState = "ended"
	TakeoverStuck    TakeoverState = "stuck"
	TakeoverRefused  TakeoverState = "refused" // the platform said no: nothing was ever held
)

// Takeover is a conversation held for an item by a step.
type Takeover struct {
	Run        string
	Item       int64
	Step       string
	Connection string
	Account    string
	Friend     string
	Handle     json.RawMessage
	State      TakeoverState
	Message    string // why it is stuck
	At         time.Time
}

// TakeoverFilter selects takeovers. Zero fields select all.
type TakeoverFilter struct {
	Run    string
	Item   int64
	States []TakeoverState
}
