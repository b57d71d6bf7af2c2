// Package workflows is the language: a YAML file becomes a typed tree whose every scalar keeps its position, with all
// problems collected as diagnostics. It also loads a project folder with its youmiflow.yaml. What steps exist it asks
// a Catalogue. It knows neither the engine nor the API. It imports internal/expression and internal/diagnostic.
package workflows

import (
	"regexp"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// Workflow is one valid workflow file.
type Workflow struct {
	File        string // as it was named to Load
	Source      []byte // the text the digest is of
	Digest      string // "sha256:…" of Source
	Name        string // the file's name without suffix, unless given
	Description string
	Connection  string // "default" unless given
	Params      []*Param
	Triggers    []*Trigger
	Window      *SendWindow   // nil: at any time
	Deadline    time.Duration // from the run's scheduled or first start; 0: none
	Priority    int           // among runs that share a limit: the higher goes first; 0 unless given
	Limits      []*Limit      // these tighten the shared ones of the project
	Outputs     []Assignment  // what a workflow that calls this one sees; evaluated when its steps have ended
	// Secrets are those that expressions read, each where it is read first.
	Secrets []Column
	// Calls are the workflows that steps with `call` name, by that name: checked, and theirs with them.
	Calls   map[string]*Workflow
	Steps   []*Step
	Finally []*Step
}

// ParamType is what a param may hold.
type ParamType string

// The param types. A file is a path: relative to the project folder when it stands in a file, to the current folder
// when it was given on the command line.
const (
	ParamString   ParamType = "string"
	ParamInteger  ParamType = "integer"
	ParamNumber   ParamType = "number"
	ParamBool     ParamType = "boolean"
	ParamFile     ParamType = "file"
	ParamList     ParamType = "list"
	ParamTime     ParamType = "time"
	ParamDuration ParamType = "duration"
)

// Param is a typed input of a workflow.
type Param struct {
	Name        string
	Type        ParamType
	Required    bool
	Default     any // nil when there is none; already of the type's Go form
	Pattern     *regexp.Regexp
	Enum        []any
	Description string
	Span        diagnostic.Span
}

// Trigger starts runs. Exactly one of Schedule, At and Event is present.
type Trigger struct {
	// Name tells the trigger from the workflow's others, in the ledger and for people: what it says, such as
	// "0 10 * * MON-FRI", with a number where that repeats.
	Name string
	// Key tells an event trigger from the workflow's others by its event, `if` and params, wherever it stands: in the ledger,
	// of events that wait. Others have none.
	Key      string
	Schedule string              // cron expression
	At       time.Time           // one instant
	Event    string              // kind of a pushed event
	If       *expression.Program // of an event; nil: every one
	Location *time.Location      // nil: the project's
	// From and Until are the first and the last instant at which a schedule fires; zero: unbounded. A date without a zone
	// is read in Location, or as UTC where that is nil: Bounds says them in the project's zone.
	From, Until  time.Time
	Jitter       time.Duration
	Overlap      Overlap
	Missed       Missed
	MissedWithin time.Duration // 0: however late
	MaxRuns      int           // of an event: how many runs that it has started may be unfinished; 0 with anything else
	Params       []Assignment  // for an event they may use `event`
	Span         diagnostic.Span

	fromDate, untilDate bool // From, Until are dates that wait for the project's zone
}

// Overlap says what becomes of a fire while a run of the workflow goes on.
type Overlap string

// The overlaps. OverlapSkip is the default.
const (
	OverlapSkip   Overlap = "skip"
	OverlapQueue  Overlap = "queue"
	OverlapCancel Overlap = "cancel" // the run that goes on
	OverlapAllow  Overlap = "allow"
)

// Overlaps are all of them.
func Overlaps() []Overlap { return []Overlap{OverlapSkip, OverlapQueue, OverlapCancel, OverlapAllow} }

// Missed says what becomes of instants that passed while nobody was there to fire.
type Missed string

// The ways with missed instants. MissedSkip is the default.
const (
	MissedSkip   Missed = "skip"
	MissedLatest Missed = "latest"
	MissedAll    Missed = "all"
)

// SendWindow is when calls may leave; outside it they are held.
type SendWindow struct {
	From, To string         // "09:00", checked; From after To goes over midnight
	Days     string         // "MON-SUN" unless given
	Location *time.Location // nil: the project's
	Span     diagnostic.Span
}

// Step is one step of a list. Exactly one of Uses, Foreach, Parallel, Steps, Call, Wait, Approve and Set is present;
// Foreach comes with Steps, and so may Wait.
type Step struct {
	ID   string // "" when the file gives none
	Name string // for people; "" when the file gives none
	// Path tells the step from every other of its scope (the workflow, or a foreach's body), and is what the ledger
	// keeps: the ID, else the catalogue name with a number when it repeats ("message.send", "message.send-2").
	Path string
	Span diagnostic.Span

	If *expression.Program // nil: the default, nothing before it in the list failed
	// IfSeesStatus is set when If calls a status function; else success() is required besides If.
	IfSeesStatus    bool
	Retry           *Retry        // nil: the engine's default for the effect
	Timeout         time.Duration // 0: none of its own
	ContinueOnError bool
	Finally         []*Step // of a step with Steps

	Uses     *Uses
	Foreach  *Foreach
	Parallel []*Branch
	Steps    []*Step
	Call     *Call
	Wait     *Wait
	Approve  *Approve
	Set      []Assignment
}

// Branch is one of the lists of a parallel step, which run at the same time.
type Branch struct {
	Name  string
	Steps []*Step
}

// Call runs another workflow of the folder as a run of its own, and waits for it.
type Call struct {
	Workflow string
	With     *Value // its params, as an object value
}

// Wait lets time pass. Exactly one of Duration, At and Until is present.
type Wait struct {
	Duration *Value // a duration
	At       *Value // a time; one that has passed does not wait
	// Until is looked at Every so often, at most For so long; then the step fails. Step.Steps, where present, run before
	// each look, and only read.
	Until *expression.Program
	Every time.Duration
	For   time.Duration
}

// Approve waits for a person's decision.
type Approve struct {
	Text    *Value        // what is asked; nil: the step's name
	For     time.Duration // how long; 0: for ever
	Default Decision      // what counts when nobody has decided by then
}

// Decision is what a person says to an Approve.
type Decision string

// The decisions. DecisionReject is the default of an Approve.
const (
	DecisionApprove Decision = "approve"
	DecisionReject  Decision = "reject"
)

// Retry says how often and how soon a call is tried again.
type Retry struct {
	Attempts int // at least 1, the first included
	// BackoffMin and BackoffMax bound the wait between attempts; it doubles from the first to the second.
	BackoffMin, BackoffMax time.Duration
	If                     *expression.Program // sees `error`; nil: whatever the engine holds to be retryable
}

// Uses is a step of the catalogue with its inputs, as an object value.
type Uses struct {
	Name string
	Type *StepType
	With *Value
}

// Foreach runs Step.Steps once per item, and Step.Finally after each.
type Foreach struct {
	In          *Value
	As          string
	Key         *expression.Program
	Where       *expression.Program // nil: every row
	Lane        *expression.Program // nil: the row's `account` column where it has one, else a single lane
	Concurrency int                 // items in flight over all lanes; 0: the engine's default
	// Waves are worked on one after the other; the last is repeated until nothing is left. None: all at once.
	Waves []Wave
	// Tolerate is how many failures pause the run when exceeded; nil: none do.
	Tolerate *Share
	Variants []Variant
	// StopWhen, when set, looks at the events of an item's conversation; true leaves the item's remaining steps out.
	StopWhen *StopWhen
	// Columns are those of a row that expressions read by name without saying what to take in their place (??). A list
	// that has a header and not all of these is the wrong list, or the workflow has a slip of the pen.
	Columns []Column
}

// Share is a count of items, or a part of them.
type Share struct {
	Count   int
	Percent float64 // above 0 up to 100 when Count is 0
}

// Wave is a part of the items, and what comes after it before the next begins.
type Wave struct {
	Share
	Approve bool
	Pause   time.Duration
}

// Variant is a branch of a comparison with its weight.
type Variant struct {
	Name   string
	Weight int
}

// StopWhen says which events of a customer stop the rest of what was meant for them.
type StopWhen struct {
	Event string              // kind of a pushed event
	If    *expression.Program // over `event` and the item's names; nil: every one
	Span  diagnostic.Span
}

// Column is a column of a row that an expression reads, where it does so first.
type Column struct {
	Name string
	Span diagnostic.Span
	// Listed says that no expression reads it: it stands in a list of columns, such as that of a report.
	Listed bool
}

// Assignment is one name of a `set`.
type Assignment struct {
	Name  string
	Value *Value
}

// Limit is a named limit of youmiflow.yaml or of a workflow. Zero fields limit nothing.
type Limit struct {
	Name string
	// Scope tells limits of one name apart in the ledger: "" for a shared one, the workflow's name for its own.
	Scope  string
	By     *expression.Program // over `call`; nil: one bucket for all
	Match  *expression.Program // over `call`; nil: every call
	Rate   Rate
	Burst  int // calls at once after a rest; at least 1
	GapMin time.Duration
	GapMax time.Duration // the gap after a call is drawn evenly between both
	Hourly int
	Daily  int
	// After RestAfter calls there is a pause, drawn evenly between RestMin and RestMax. 0: none.
	RestAfter        int
	RestMin, RestMax time.Duration
	// WarmUp are the daily caps of a key's first days; afterwards Daily holds alone.
	WarmUp []int
	// Max contacts within any span of Per: a frequency cap. A contact is an item, however many messages it gets, so that
	// nobody is left in the middle of a conversation. 0: none.
	Max  int
	Per  time.Duration
	Over Over
	Span diagnostic.Span
	File string

	// defaultBy and defaultMatch are those of a well-known name: account, customer.
	defaultBy, defaultMatch *expression.Program
}

// Over says what becomes of a call beyond a frequency cap.
type Over string

// The ways with calls beyond a cap. OverHold is the default.
const (
	OverHold Over = "hold"
	OverSkip Over = "skip"
)

// Rate is Count calls per Per. The zero Rate does not limit.
type Rate struct {
	Count int
	Per   time.Duration
}
