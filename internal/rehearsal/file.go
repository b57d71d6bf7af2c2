package rehearsal

import (
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// File is a file of tests.
type File struct {
	Path     string
	Workflow Text // path of the workflow, from the test file's folder
	Tests    []*Test
}

// Text is a value with its place.
type Text struct {
	Value string
	Span  diagnostic.Span
}

// Test is one run and what is expected of it.
type Test struct {
	Name      Text
	Clock     time.Time // when the run starts
	Location  *time.Location
	Params    map[string]any
	Audience  []Audience
	Answers   []Answer
	NoLimits  bool // those of youmiflow.yaml are left out
	Faults    []sandbox.Fault
	Approvals []Approval
	During    []Moment // by their instants
	Trigger   *Trigger // nil: the run is started by hand
	SendTo    *SendTo  // nil: it is no test send
	Seed      uint64
	Expect    Expect

	places map[string]diagnostic.Span // of params, by name
	params diagnostic.Span
	faults []diagnostic.Span // one for each
}

// Audience stands in for the rows of a step.
type Audience struct {
	Step    Text
	File    string // in place of the step's own; "": Rows
	Rows    []row
	Columns []string // of all rows, in the order in which they come first
}

// row holds each value twice: as it reads, and as what it means.
type row struct {
	texts  map[string]string
	values map[string]any
}

// Answer stands in for what a step would give that reaches something else than the platform.
type Answer struct {
	Step    Text
	Outputs map[string]any
}

// Approval answers a question.
type Approval struct {
	Step     Text
	Decision workflows.Decision
	After    time.Duration // the question was asked
	By, Note string
}

// Expect is what is compared; what is not named is not.
type Expect struct {
	Status    *Text
	Error     []Field
	Counts    []Count
	Items     []Item
	Calls     []*Calls
	Outputs   []Output
	Fires     *Fires
	Takeovers bool // some may be left
	Span      diagnostic.Span
}

// Field is one value by name.
type Field struct {
	Name string
	Text
}

// Count is how many items are expected in a status, or in all ("total").
type Count struct {
	Status string
	Number int
	Span   diagnostic.Span
}

// Item is what is expected of one item.
type Item struct {
	Key    Text
	Fields []Field
}

// Output is a value that the run is expected to give.
type Output struct {
	Name  Text
	Value any
}

// Calls are those expected, in their order.
type Calls struct {
	Key  string // calls, calls_contain or messages
	List []Call
	Span diagnostic.Span
}

// Call is what is expected of one call.
type Call struct {
	Fields []Field
	At     *when
	Body   map[string]any // a part of the request
	Span   diagnostic.Span
}
