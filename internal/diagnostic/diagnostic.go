// Package diagnostic holds positions in source files, the problems found there, how they are printed, and
// suggestions for misspelt names. It imports the standard library only.
package diagnostic

// Severity says whether a problem stops the file from being used.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Span is a stretch of one line. Lines and columns count from 1; columns count characters (runes), not bytes or
// screen cells; EndColumn is the column after the last character.
type Span struct {
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndColumn int `json:"end_column"`
}

// Diagnostic is one problem at one place. Code is stable and explained in docs/diagnostics.md; Suggestion, where there
// is one, is what to write instead. Of a line that is Private, such as one with a password in it, only the place itself is
// ever shown.
type Diagnostic struct {
	File string `json:"file"`
	Span
	Severity   Severity `json:"severity"`
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Suggestion string   `json:"suggestion"`
	Private    bool     `json:"-"`
}

// List is every problem of one or more files. It is an error when it holds one of severity Error (see Err).
type List []Diagnostic
