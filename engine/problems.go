package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"youmiflow/workflows"
)

// RowProblem is what is wrong with one row of an audience. As an error of a RowReader it says that reading goes on with
// the next call of Next: only that row is bad. Any other error ends the rows.
type RowProblem struct {
	Source  string // the file, or what else the rows come from; "" when that says nothing
	Row     int    // number in the source, from 1
	Column  string // "" when the whole row is concerned, or an expression of the foreach
	Problem string // what is wrong, as part of a sentence
	Hint    string // what to do about it, as part of a sentence; "" when the problem says it all
	Value   string // what stands there, cut to some 200 characters; "" when that is no help
}

// Error is one sentence.
func (p *RowProblem) Error() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source + ", ")
	}
	fmt.Fprintf(&b, "row %d", p.Row)
	if p.Column != "" {
		fmt.Fprintf(&b, ", column %s", p.Column)
	}
	fmt.Fprintf(&b, ": %s", p.Problem)
	if p.Hint != "" {
		fmt.Fprintf(&b, "; %s", p.Hint)
	}
	return b.String()
}

// ProblemSink keeps problems of rows where people can open them.
type ProblemSink interface {
	// Begin starts the list of one foreach. The name is a run's, with the step's path where the run has several.
	Begin(name string) (ProblemList, error)
}

// ProblemList takes the problems of one audience, in the order of its rows.
type ProblemList interface {
	Add(RowProblem) error
	// End makes the list whole, and returns where it is, for people.
	End() (place string, err error)
}

// shownProblems is how many problems an AudienceError holds.
const shownProblems = 20

// AudienceError says that rows of an audience have problems. Nothing of it was sent or kept.
type AudienceError struct {
	Rows  int          // that were read
	Bad   int          // of them have problems
	Count int          // of problems
	First []RowProblem // the first 20
	Place string       // where all of them are; "" when they were not kept
}

// Error names the first problem and where to find the others.
func (a *AudienceError) Error() string {
	first := a.First[0]
	text := ""
	if first.Source != "" {
		text = first.Source + ": "
	}
	first.Source = ""
	if a.Count == 1 {
		return text + first.Error()
	}
	have := "rows have"
	if a.Bad == 1 {
		have = "rows has"
	}
	text += fmt.Sprintf("%s of %s %s problems, the first: %s", grouped(a.Bad), grouped(a.Rows), have, first.Error())
	if a.Place != "" {
		text += ". All of them are in " + a.Place
	}
	return text
}

// grouped writes 5000 as 5,000.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// problems gathers what is wrong with the rows of one audience: the first few in memory, all of them in the sink.
type problems struct {
	engine *Engine
	name   string
	list   ProblemList // nil before the first
	rows   int
	last   int // the bad row seen last
	found  AudienceError
}

func (e *Engine) newProblems(active *activeRun, step *workflows.Step) *problems {
	name := active.run.ID
	if len(everyForeach(active.workflow)) > 1 {
		name += "-" + step.Path
	}
	return &problems{engine: e, name: name}
}

// row counts a row that could be read.
func (p *problems) row() { p.rows++ }

// take keeps an error of a row when reading can go on behind it, and returns every other one.
func (p *problems) take(err error) error {
	var problem *RowProblem
	if !errors.As(err, &problem) {
		return err
	}
	if problem.Row != p.last {
		p.rows++
	}
	return p.add(*problem)
}

// add keeps a problem of a row that is counted.
func (p *problems) add(problem RowProblem) error {
	if problem.Row != p.last || p.found.Bad == 0 {
		p.found.Bad++
	}
	p.last = problem.Row
	p.found.Count++
	r := p.engine.redactor
	problem.Problem, problem.Value = r.Text(problem.Problem), r.Text(problem.Value)
	if len(p.found.First) < shownProblems {
		p.found.First = append(p.found.First, problem)
	}
	if p.engine.Problems == nil {
		return nil
	}
	if p.list == nil {
		var err error
		if p.list, err = p.engine.Problems.Begin(p.name); err != nil {
			return fmt.Errorf("keeping the problems of the audience: %w", err)
		}
	}
	if err := p.list.Add(problem); err != nil {
		return fmt.Errorf("keeping the problems of the audience: %w", err)
	}
	return nil
}

// some reports whether anything was wrong so far.
func (p *problems) some() bool { return p.found.Bad > 0 }

// end makes the list whole. With nothing wrong it returns err as it is; else whatever ended the rows besides is told too.
func (p *problems) end(err error) error {
	if p.list != nil {
		place, failed := p.list.End()
		if failed != nil {
			return errors.Join(err, fmt.Errorf("keeping the problems of the audience: %w", failed))
		}
		p.found.Place = place
		p.list = nil
	}
	if !p.some() || stopsSnapshot(err) {
		return err
	}
	p.found.Rows = p.rows
	if err != nil {
		return &audienceError{fmt.Errorf("%w; and then: %w", &p.found, err)}
	}
	return &audienceError{&p.found}
}

// secretColumn finds the column in which a secret stands; "" when there is none.
func (e *Engine) secretColumn(row map[string]any, data json.RawMessage) string {
	if e.redactor == nil || e.redactor.Text(string(data)) == string(data) {
		return ""
	}
	for column, value := range row {
		if held, err := e.holdsSecret(value); err == nil && held {
			return column
		}
	}
	return "?"
}
