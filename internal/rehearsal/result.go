package rehearsal

import (
	"fmt"

	"youmiflow/internal/diagnostic"
)

// Result is what a test has come to.
type Result struct {
	File       *File
	Test       *Test
	Mismatches []Mismatch
	Err        error // it could not be run to the end
}

// Passed reports whether all was as expected.
func (r *Result) Passed() bool { return r.Err == nil && len(r.Mismatches) == 0 }

// Mismatch is one expectation that was not met.
type Mismatch struct {
	What string
	Span diagnostic.Span
	// Diff is what was expected and what there was, a line each: behind "-" what was expected only, behind "+" what there was
	// only.
	Diff []string
}

// Failure is the result in lines for people: each expectation with its place, and the difference. It is empty when the test
// has passed.
func (r *Result) Failure() []string {
	var text []string
	if r.Err != nil {
		text = append(text, place(r.File.Path, r.Test.Name.Span)+": "+r.Err.Error())
	}
	for _, mismatch := range r.Mismatches {
		text = append(text, place(r.File.Path, mismatch.Span)+": "+mismatch.What)
		for _, line := range mismatch.Diff {
			text = append(text, "  "+line)
		}
	}
	return text
}

func place(file string, span diagnostic.Span) string {
	return fmt.Sprintf("%s:%d:%d", file, span.Line, span.Column)
}

// Place is where the test stands, as file:line:column.
func (r *Result) Place() string { return place(r.File.Path, r.Test.Name.Span) }
