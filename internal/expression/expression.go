// Package expression compiles, type-checks and evaluates the expressions of workflow files. It is the only importer
// of expr-lang/expr, and imports nothing else of this project. An expression reaches nothing but the names it is
// given: no disk, no network, no environment, and each evaluation is bounded in time and memory.
//
// expr gives the grammar, the type checker, the compiler and the virtual machine. Between checking and compiling, every
// operation whose cost depends on its data is replaced by one of this package that is charged to a budget (meter.go),
// since the machine itself bounds neither its loops nor the growth of strings, and panics where a person needs a
// sentence.
package expression

// Kind is the shape of a type.
type Kind int

// The kinds. Opaque values can be passed on and compared with nil, and nothing else.
const (
	Any Kind = iota
	Bool
	Integer
	Number
	String
	Time
	Duration
	List
	Object
	Opaque
)

// Type says what a name or a field holds, as far as it is known when a file is loaded.
type Type struct {
	Kind Kind
	// Name says what an Opaque is, such as "takeover" or "rows".
	Name string
	// Element is what a List holds; nil means anything.
	Element *Type
	// Fields are the known fields of an Object.
	Fields map[string]Type
	// Open lets an Object have fields besides the known ones, holding anything.
	Open bool
}

// Scope names everything an expression may use.
type Scope map[string]Type

// The codes of Error. They are stable.
const (
	CodeUnknownName     = "unknown-name"
	CodeUnknownField    = "unknown-field"
	CodeUnknownFunction = "unknown-function"
	CodeTypeMismatch    = "type-mismatch"
	CodeSyntax          = "expression-syntax"
	CodeTooLarge        = "expression-too-large"
)

// Error is a problem in an expression's text. Start and End count characters (runes) from 0 in that text.
type Error struct {
	Code    string // one of the Code constants
	Message string
	// Suggestion is always "" as it comes from Compile. Whoever shows the error picks one of Candidates that is near to
	// Name; the measure of nearness lives in one place, and not on this floor.
	Suggestion string
	Start, End int
	// Name is the misspelt name, when that is the problem, and Candidates, sorted, are the names that would do.
	Name       string
	Candidates []string
}

func (e *Error) Error() string { return e.Message }

// EvalError is a failure while an expression was computed. Message is for the author of the expression and never quotes
// a value, which may be secret. Start and End count characters (runes) from 0 in the expression's text.
type EvalError struct {
	Message    string
	Start, End int
}

func (e *EvalError) Error() string { return e.Message }

// Reference is a name used in an expression, and where it stands there, in characters (runes) from 0.
type Reference struct {
	Name       string
	Start, End int
}
