package workflows

import "youmiflow/internal/expression"

// Catalogue says which steps exist and what they take and give.
type Catalogue interface {
	// Lookup finds a step by its name, such as "message.send".
	Lookup(name string) (*StepType, bool)
	// Names lists all steps, sorted.
	Names() []string
}

// Effect says what a step does outside, which decides retry and recovery.
type Effect string

// The effects.
const (
	EffectLocal      Effect = "local"      // nothing leaves the process
	EffectRead       Effect = "read"       // may be repeated
	EffectIdempotent Effect = "idempotent" // changes something, and may be repeated
	EffectMessage    Effect = "message"    // reaches a person; at most once
)

// StepType describes one step of the catalogue.
type StepType struct {
	Name      string
	Effect    Effect
	Summary   string
	Operation *Operation // nil when no API call is made
	Inputs    []Field
	Outputs   []Field
	// OneOf lists groups of inputs of which exactly one group must be given, each group whole:
	// {{"takeover"}, {"account", "friend"}}. Several such rules may apply.
	OneOf   []Choice
	Example string // YAML of one step
}

// Choice is one rule of StepType.OneOf.
type Choice struct {
	Groups [][]string
}

// Operation is the API call behind a step.
type Operation struct {
	ID     string `json:"-"` // as openapi.yaml and the key operations of a connection name it
	Method string `json:"method"`
	Path   string `json:"path"`
	Status string `json:"status"` // documented, partial or assumed
}

// Field is one input or output of a step.
type Field struct {
	Name        string
	Type        expression.Type
	Required    bool
	APIName     string // as the API spells it; "" when it has none
	Description string
	Enum        []any
	// Fields describes an object's fields, or those of a list's elements, as inputs to be checked.
	Fields []Field
	// OneOf are rules over Fields, as StepType.OneOf.
	OneOf []Choice
	// Scalar names the field of Fields that a bare scalar stands for; "" when only an object will do.
	Scalar string
	// Pattern is a regular expression a literal string must match; "" for none.
	Pattern string
	// Form says in words what Pattern asks for, such as "an address that begins with https://"; "" shows the pattern.
	Form string
	// Key says that it is text or a number, as a table's cell may be either: Type is Any then.
	Key bool
	// Inside says that a literal is a path, which may not leave the project folder.
	Inside bool
	// Names is what of the workflow, or of the project, a literal names; "" for nothing. What is the workflow's is looked for
	// when the file is loaded, what is the project's by Project.CheckChannels.
	Names Naming
	// Own are literals that NamesColumns leaves alone.
	Own []string
}

// TypeName names the type, for people.
func (f Field) TypeName() string {
	if f.Key {
		return "a string or a number"
	}
	return f.Type.String()
}

// Naming is what of a workflow, or of its project, a literal among a step's inputs names.
type Naming string

// The namings. A step with an input of NamesColumns has one of NamesForeach, and its columns are those of that foreach's
// list.
const (
	NamesForeach Naming = "foreach" // by its id; it has to have ended before the step
	NamesColumns Naming = "columns" // a list of them

	NamesChannels Naming = "channels" // those of the project's notifications: one, or a list
)
