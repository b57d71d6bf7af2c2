package steps

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// TestNoOperationSendsWhatTheDocumentRefuses draws inputs, good and bad, for every operation: whatever is let through,
// openapi.yaml allows, and what was prepared is what is sent.
func TestNoOperationSendsWhatTheDocumentRefuses(t *testing.T) {
	schemas := requestSchemas(t)
	catalogue := newCatalogue(t, nil)
	var names []string
	for _, name := range catalogue.Names() {
		if entry := catalogue.entries[name]; entry.operation != "" && !slices.Contains([]string{
			youmi.OperationSend, youmi.OperationApplyTakeover, youmi.OperationEndTakeover, // property_test.go draws these
		}, entry.operation) {
			names = append(names, name)
		}
	}
	passed := map[string]int{}
	check := func(t *rapid.T) {
		// All steps in each draw: a step of their own would seldom be reached.
		for _, name := range names {
			step, _ := catalogue.Lookup(name)
			if drawn(t, schemas, step) {
				passed[name]++
			}
		}
	}
	rapid.Check(t, check)
	for rounds := 0; len(passed) < len(names) && rounds < 50; rounds++ { // a quick run draws few
		rapid.Check(t, check)
	}
	for _, name := range names {
		require.Positive(t, passed[name], "no input of %s was ever let through", name)
	}
}

// drawn draws one set of inputs, and reports whether it was let through.
func drawn(t *rapid.T, schemas schemaSet, step *workflows.StepType) bool {
	api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000}}
	with := drawFields(t, step.Name, step.Inputs)
	action, err := prepare(t, newCatalogue(t, api), step.Name, with)
	if err != nil {
		return false
	}
	outcome := action.Perform(context.Background())
	if rows, ok := outcome.Outputs["rows"].(engine.Rows); ok {
		reader, err := rows.Open(context.Background())
		require.NoError(t, err)
		_, _, err = reader.Next()
		require.Error(t, err)
	}
	require.NotEmpty(t, api.operation)
	conforms(t, schemas, api.operation, api.body)
	if action.Request != nil {
		require.Equal(t, string(action.Request.Body), string(api.body))
	}
	return true
}

// drawFields draws most of the fields, by what the catalogue says of them.
func drawFields(t *rapid.T, where string, fields []workflows.Field) map[string]any {
	with := map[string]any{}
	for _, field := range fields {
		label := where + "." + field.Name
		if field.Required || rapid.Bool().Draw(t, label+" is given") {
			with[field.Name] = drawField(t, label, field)
		}
	}
	return with
}

func drawField(t *rapid.T, label string, field workflows.Field) any {
	if rapid.IntRange(0, 100).Draw(t, label+" is bad") == 100 {
		return rapid.SampledFrom([]any{nil, "", true, -1, 1.5, "x", []any{}, []any{nil}, map[string]any{}, "a\xff", time.Time{}}).Draw(t, label)
	}
	switch {
	case len(field.Enum) > 0:
		return rapid.SampledFrom(field.Enum).Draw(t, label)
	case field.Pattern == momentPattern:
		return rapid.SampledFrom([]any{"2024-02-29", "2024-01-01 09:30", "2024/1/1 9:30:59", "2024-01-01T09:30:00+08:00", "1704038400", 1704038400, 0, "",
			time.Unix(1704038400, 0)}).Draw(t, label)
	case field.Name == "columns": // of the answer
		return map[string]any{}
	case field.Name == "fields":
		return map[string]any{"anything": 1}
	case field.Name == "url":
		return drawURL(t)
	case field.Type.Element != nil && len(field.Fields) > 0:
		return []any{drawOne(t, label, field.Fields)}
	case field.Type.Kind == expression.List:
		return rapid.SampledFrom([]any{[]any{"001"}, []any{"a", 7}, []any{}}).Draw(t, label)
	case len(field.Fields) > 0:
		return drawFields(t, label, field.Fields)
	case field.Type.Kind == expression.Bool:
		return rapid.Bool().Draw(t, label)
	case field.Type.Kind == expression.Integer:
		return rapid.SampledFrom([]any{1, 0, -1, 7, "12", 3.0, 1 << 52}).Draw(t, label)
	case field.Type.Kind == expression.Number:
		return rapid.SampledFrom([]any{1, 0.5, "2.25", -3}).Draw(t, label)
	case field.Type.Kind == expression.String:
		return rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"你好 😀", "<a> & b", " "})).Draw(t, label)
	}
	return rapid.SampledFrom([]any{135389, "135389", 135389.0, 7}).Draw(t, label)
}

// drawOne gives one of several contents.
func drawOne(t *rapid.T, label string, fields []workflows.Field) map[string]any {
	field := rapid.SampledFrom(fields).Draw(t, label+" content")
	if field.Name == "text" {
		return map[string]any{field.Name: "a"}
	}
	return map[string]any{field.Name: map[string]any{"url": drawURL(t)}}
}
