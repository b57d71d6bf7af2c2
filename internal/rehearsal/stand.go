package rehearsal

import (
	"context"
	"io"
	"maps"
	"strings"

	"youmiflow/engine"
)

// standing is a catalogue some of whose steps a test answers for.
type standing struct {
	engine.Steps
	audience map[string]Audience
	answers  map[string]Answer
}

// standIn has the steps of a test's audience and answers give what it says.
func standIn(steps engine.Steps, test *Test) engine.Steps {
	s := standing{steps, map[string]Audience{}, map[string]Answer{}}
	for _, one := range test.Audience {
		s.audience[one.Step.Value] = one
	}
	for _, one := range test.Answers {
		s.answers[one.Step.Value] = one
	}
	return s
}

// Step implements engine.Steps.
func (s standing) Step(name string) (engine.Step, bool) {
	step, ok := s.Steps.Step(name)
	return standingStep{step, s, name}, ok
}

type standingStep struct {
	engine.Step
	standing standing
	name     string
}

// Prepare implements engine.Step. The step itself prepares as well, so that wrong inputs show.
func (s standingStep) Prepare(input engine.Input) (engine.Action, error) {
	audience, rows := s.standing.audience[input.Step]
	if rows && audience.File != "" {
		input.With = maps.Clone(input.With)
		input.With["path"] = audience.File
	}
	action, err := s.Step.Prepare(input)
	if err != nil {
		return action, err
	}
	outputs := s.standing.answers[input.Step].Outputs
	if rows && audience.File == "" {
		path, _ := input.With["path"].(string)
		outputs = map[string]any{"rows": fixedRows{audience, s.name == "audience.file" && !lines(path)}}
	}
	if outputs != nil {
		action.Perform = func(context.Context) engine.Outcome {
			return engine.Outcome{State: engine.Succeeded, Outputs: outputs}
		}
	}
	return action, nil
}

// lines tells a file of JSON lines, which holds more than texts.
func lines(path string) bool {
	return strings.HasSuffix(strings.ToLower(path), ".jsonl") || strings.HasSuffix(strings.ToLower(path), ".ndjson")
}

// fixedRows are the rows of a test. Those that stand for a table of a file are texts, and all have the same columns.
type fixedRows struct {
	audience Audience
	table    bool
}

// Open implements engine.Rows.
func (f fixedRows) Open(context.Context) (engine.RowReader, error) {
	r := &rowReader{rows: f}
	if f.table {
		return tableReader{r}, nil
	}
	return r, nil
}

type rowReader struct {
	rows fixedRows
	next int
}

// Next implements engine.RowReader.
func (r *rowReader) Next() (map[string]any, int, error) {
	if r.next >= len(r.rows.audience.Rows) {
		return nil, 0, io.EOF
	}
	one := r.rows.audience.Rows[r.next]
	r.next++
	if !r.rows.table {
		return maps.Clone(one.values), r.next, nil
	}
	texts := make(map[string]any, len(r.rows.audience.Columns))
	for _, column := range r.rows.audience.Columns {
		texts[column] = one.texts[column]
	}
	return texts, r.next + 1, nil // the header is row 1
}

// Close implements engine.RowReader.
func (r *rowReader) Close() error { return nil }

type tableReader struct{ *rowReader }

// Columns implements engine.Table.
func (t tableReader) Columns() []string { return t.rows.audience.Columns }
