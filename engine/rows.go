package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// listRows makes an audience of a list that stands in the workflow.
type listRows []any

func (l listRows) Open(context.Context) (RowReader, error) { return &listReader{rows: l}, nil }

type listReader struct {
	rows []any
	next int
}

func (l *listReader) Next() (map[string]any, int, error) {
	if l.next == len(l.rows) {
		return nil, 0, io.EOF
	}
	row, ok := l.rows[l.next].(map[string]any)
	if !ok {
		row = map[string]any{valueColumn: l.rows[l.next]}
	}
	l.next++
	return row, l.next, nil
}

func (l *listReader) Close() error { return nil }

// valueColumn is how an element that is no object is kept as a row; unwrap undoes it.
const valueColumn = "\x00value"

func unwrap(row map[string]any) any {
	if value, ok := row[valueColumn]; ok && len(row) == 1 {
		return value
	}
	return row
}

// rowsOf takes what `in` gave.
func rowsOf(value any) (Rows, error) {
	switch value := value.(type) {
	case Rows:
		return value, nil
	case []any:
		return listRows(value), nil
	case nil:
		return nil, fmt.Errorf("`in` gave nothing")
	}
	return nil, fmt.Errorf("`in` gave %T, not rows or a list", value)
}

// decodeRow reads a row as the ledger keeps it: whole numbers stay whole.
func decodeRow(data json.RawMessage) (any, error) {
	var texts map[string]any
	if err := json.Unmarshal(data, &texts); err == nil && onlyTexts(texts) {
		return unwrap(texts), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	row := map[string]any{}
	if err := decoder.Decode(&row); err != nil {
		return nil, fmt.Errorf("reading its row: %w", err)
	}
	for name, value := range row {
		row[name] = plainNumbers(value)
	}
	return unwrap(row), nil
}

// onlyTexts reports whether a row has no numbers in it, as those of a CSV, which makes it quicker to read.
func onlyTexts(row map[string]any) bool {
	for _, value := range row {
		if _, ok := value.(string); !ok {
			return false
		}
	}
	return true
}

// decodeProgress reads results as the ledger keeps them: whole numbers stay whole, so that an expression gives the same
// before and after a restart.
func decodeProgress(data json.RawMessage, results *map[string]*result) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(results); err != nil {
		return err
	}
	for _, r := range *results {
		if r == nil {
			continue
		}
		plainNumbers(r.Outputs)
		plainNumbers(r.Held)
	}
	return nil
}

func plainNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return int(whole)
		}
		number, err := value.Float64()
		if err != nil || math.IsInf(number, 0) {
			return value.String()
		}
		return number
	case []any:
		for i := range value {
			value[i] = plainNumbers(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plainNumbers(value[name])
		}
	}
	return value
}
