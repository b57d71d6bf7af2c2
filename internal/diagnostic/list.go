package diagnostic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Sort orders the list by file, line, column and code, so that the same problems always read the same.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// HasErrors reports whether any problem stops its file from being used.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, Diagnostic.stops)
}

// Count tells the number of errors and of warnings in words: "2 errors, 1 warning", "no problems".
func (l List) Count() string {
	failures := 0
	for _, d := range l {
		if d.stops() {
			failures++
		}
	}
	var parts []string
	if failures > 0 {
		parts = append(parts, counted(failures, "error"))
	}
	if warnings := len(l) - failures; warnings > 0 {
		parts = append(parts, counted(warnings, "warning"))
	}
	if len(parts) == 0 {
		return "no problems"
	}
	return strings.Join(parts, ", ")
}

// Err is nil when the list holds no error. Else its text is the count and the first error, and errors.As finds the
// whole List in it.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return l
}

// Error is the text of Err. A List is an error only through Err: a list of warnings alone stops nothing.
func (l List) Error() string {
	for _, d := range l {
		if d.stops() {
			return fmt.Sprintf("%s; the first is %s", l.Count(), d)
		}
	}
	return l.Count()
}

// String is the diagnostic on one line: file:line:column: message [code].
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s [%s]", d.place(), d.Message, d.Code)
}

// place leaves out what is not known: a file that cannot be read has no line.
func (d Diagnostic) place() string {
	switch {
	case d.Line <= 0:
		return d.File
	case d.Column <= 0:
		return fmt.Sprintf("%s:%d", d.File, d.Line)
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
}

// stops holds for anything not declared a warning, so that a forgotten severity is never taken lightly.
func (d Diagnostic) stops() bool { return d.Severity != Warning }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
