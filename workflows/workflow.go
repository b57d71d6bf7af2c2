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
	Limits      []*Limit // these tighten the shared ones of the project
	Steps       []*Step
	Finally     []*Step
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

// Step is one step of a list. Exactly one of Uses, Foreach, Steps and Set is present.
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

	Uses    *Uses
	Foreach *Foreach
	Steps   []*Step
	Set     []Assignment
}

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
	// Columns are those of a row that expressions read by name without saying what to take in their place (??). A list
	// that has a header and not all of these is the wrong list, or the workflow has a slip of the pen.
	Columns []Column
}

// Column is a column of a row that an expression reads, where it does so first.
type Column struct {
	Name string
	Span diagnostic.Span
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
	Span   diagnostic.Span
	File   string

	// defaultBy and defaultMatch hold for a workflow's own limit of a well-known name that no shared limit has.
	defaultBy, defaultMatch *expression.Program
}

// Rate is Count calls per Per. The zero Rate does not limit.
type Rate struct {
	Count int
	Per   time.Duration
}
