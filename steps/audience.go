package steps

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/audience"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

func audienceFile(config Config) *entry {
	return &entry{
		StepType: workflows.StepType{
			Name:    "audience.file",
			Effect:  workflows.EffectLocal,
			Summary: "Reads an audience from a csv, tsv, jsonl or xlsx file, row by row.",
			Inputs: []workflows.Field{
				{Name: "path", Type: textType(), Required: true, Description: "the file; relative to the project folder"},
				{Name: "sheet", Type: textType(), Description: "the sheet of a workbook; default the first"},
				columnsField(),
			},
			Outputs: []workflows.Field{
				{Name: "rows", Type: opaque("rows"), Description: "the rows, for a foreach; their columns are the header's names"},
			},
			Example: `id: vips
uses: audience.file
with:
  path: lists/vip.csv
  columns:
    rename: { 客户: friend, 运营号: account }
    require: [account]
    filled: [friend]
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			return prepareAudience(config, input)
		},
	}
}

func columnsField() workflows.Field {
	names := textType()
	fields := []workflows.Field{
		{Name: "rename", Type: expression.Type{Kind: expression.Object, Open: true}, Description: "other names for columns, from the file's to the one used here"},
		{Name: "require", Type: expression.Type{Kind: expression.List, Element: &names}, Description: "columns that must be there, by the names used here"},
		{Name: "filled", Type: expression.Type{Kind: expression.List, Element: &names}, Description: "columns that must be there and hold something in every row, by the names used here"},
	}
	return workflows.Field{Name: "columns", Type: objectType(fields), Description: "what the columns are called, and which must be there", Fields: fields}
}

func prepareAudience(config Config, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	path, err := in.required("path", maxURL)
	if err != nil {
		return engine.Action{}, err
	}
	rows := fileRows{name: path}
	if rows.path, err = config.ResolveAt(input.Commit, path, input.Files); err != nil {
		return engine.Action{}, fmt.Errorf("path %q: %w", path, err)
	}
	if rows.options.Sheet, err = in.text("sheet", maxShort); err != nil {
		return engine.Action{}, err
	}
	if err := columns(in, &rows.options); err != nil {
		return engine.Action{}, err
	}
	return engine.Action{Perform: rows.perform}, nil
}

// columns reads the input of that name.
func columns(in inputs, options *audience.Options) error {
	if !in.has("columns") {
		return nil
	}
	object, ok := in.values["columns"].(map[string]any)
	if !ok {
		return fmt.Errorf("columns must be an object, not %s", kind(in.values["columns"]))
	}
	rename, ok := object["rename"].(map[string]any)
	if !ok && object["rename"] != nil {
		return fmt.Errorf("columns.rename must be an object, not %s", kind(object["rename"]))
	}
	options.Rename = make(map[string]string, len(rename))
	for from := range rename {
		to, err := inputs{values: rename, where: "columns.rename."}.required(from, maxShort)
		if err != nil {
			return err
		}
		options.Rename[from] = to
	}
	var err error
	if options.Require, err = columnNames(object, "require"); err != nil {
		return err
	}
	options.Filled, err = columnNames(object, "filled")
	return err
}

// columnNames reads a list of columns.
func columnNames(object map[string]any, field string) (columns []string, err error) {
	list, ok := object[field].([]any)
	if !ok && object[field] != nil {
		return nil, fmt.Errorf("columns.%s must be a list, not %s", field, kind(object[field]))
	}
	for i, name := range list {
		s, ok := plain(name)
		if !ok || s == "" {
			return nil, fmt.Errorf("columns.%s[%d] must be a column's name, not %s", field, i, kind(name))
		}
		columns = append(columns, s)
	}
	return columns, nil
}

// fileRows is an audience in a file, read anew whenever it is opened.
type fileRows struct {
	name    string // as the workflow says
	path    string
	options audience.Options
}

// perform opens the file once, so that a missing file or column fails this step and not the foreach that goes over it.
func (r fileRows) perform(context.Context) engine.Outcome {
	reader, err := audience.Open(r.path, r.options)
	if err == nil {
		err = reader.Close()
	}
	if err != nil {
		return engine.Outcome{State: engine.Failed, Code: "audience", Message: err.Error()}
	}
	return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"rows": r}}
}

// Open implements engine.Rows.
func (r fileRows) Open(context.Context) (engine.RowReader, error) {
	reader, err := audience.Open(r.path, r.options)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(r.path), ".jsonl") || strings.EqualFold(filepath.Ext(r.path), ".ndjson") {
		return problemReader{reader, r.name}, nil
	}
	return tableReader{problemReader{reader, r.name}, reader.Columns()}, nil
}

// tableReader reads a table: every row has the columns of the header.
type tableReader struct {
	engine.RowReader
	columns []string
}

// Columns implements engine.Table.
func (t tableReader) Columns() []string { return t.columns }

// problemReader says in the engine's words that only a row is bad.
type problemReader struct {
	engine.RowReader
	source string
}

// Next implements engine.RowReader.
func (p problemReader) Next() (map[string]any, int, error) {
	row, number, err := p.RowReader.Next()
	if bad, ok := errors.AsType[*audience.RowError](err); ok && bad.Continues {
		return nil, 0, &engine.RowProblem{Source: p.source, Row: bad.Row, Column: bad.Column, Problem: bad.Problem, Hint: bad.Hint, Value: bad.Value}
	}
	return row, number, err
}
