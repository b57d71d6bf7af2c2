// Package expression compiles, type-checks and evaluates the expressions of workflow files. It is the only importer
// of expr-lang/expr, and imports nothing else of this project. An expression reaches nothing but the names it is
// given: no disk, no network, no environment, and each evaluation is bounded in time and memory.
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

// Error is a problem in an expression's text. Start and End count characters (runes) from 0 in that text.
type Error struct {
	Code       string // "unknown-name", "type-mismatch", "expression-syntax", "unknown-function", …
	Message    string
	Suggestion string
	Start, End int
}

func (e *Error) Error() string { return e.Message }
