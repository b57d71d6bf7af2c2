package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/sheet"
	"youmiflow/workflows"
)

// ItemOutcome is what became of an item, with its calls.
type ItemOutcome struct {
	engine.Item
	Calls []engine.Call
}

// reportColumns are the columns of a report that do not come from the audience.
func reportColumns() []string {
	return []string{"key", "row", "lane", "status", "reason", "variant", "wave", "calls"}
}

// reportPattern catches another suffix when the file is loaded.
const reportPattern = `\.([Cc][Ss][Vv]|[Xx][Ll][Ss][Xx])$`

func reportStatuses() []any {
	var list []any
	for _, status := range []engine.Status{engine.StatusPending, engine.StatusHeld, engine.StatusSucceeded, engine.StatusFailed, engine.StatusUnknown, engine.StatusSkipped, engine.StatusCancelled} {
		list = append(list, string(status))
	}
	return list
}

func reportWrite(config Config) *entry {
	status := textType()
	return &entry{
		StepType: workflows.StepType{
			Name:    "report.write",
			Effect:  workflows.EffectLocal,
			Summary: "Writes what became of every item of a foreach to a csv or xlsx file that opens in Excel.",
			Inputs: []workflows.Field{
				{Name: "path", Type: textType(), Required: true, Inside: true, Pattern: reportPattern, Form: "a file that ends in .csv or .xlsx",
					Description: "the file, .csv or .xlsx, within the project folder; one that is there is replaced. A run in the sandbox writes NAME.sandbox.xlsx instead, a test send NAME.test.xlsx, and one in the sandbox NAME.test.sandbox.xlsx. With ${{ run.id }} in it each run keeps its own"},
				{Name: "of", Type: textType(), Required: true, Names: workflows.NamesForeach, Description: "the id of a foreach of this workflow that stands before"},
				{Name: "columns", Type: listType(textType()), Names: workflows.NamesColumns, Own: reportColumns(), Description: "which columns, in this order: " + strings.Join(reportColumns(), ", ") + ", or columns of the audience; default the former"},
				{Name: "status", Type: listType(status), Enum: reportStatuses(), Description: "only items of these statuses; default all"},
			},
			Outputs: []workflows.Field{
				{Name: "path", Type: textType(), Description: "the file"},
				{Name: "count", Type: integerType(), Description: "how many items it lists"},
			},
			Example: `uses: report.write
with:
  path: reports/not-reached.csv
  of: reach
  status: [failed, unknown]
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return prepareReport(config, input) },
	}
}

// report is a file to be written.
type report struct {
	config          Config
	run, step       string
	name, path      string // as the workflow says, and where that is
	columns, status []string
}

func prepareReport(config Config, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	r := &report{config: config, run: input.Run, columns: reportColumns()}
	var err error
	if r.name, err = in.required("path", maxURL); err != nil {
		return engine.Action{}, err
	}
	if lower := strings.ToLower(r.name); !strings.HasSuffix(lower, ".csv") && !strings.HasSuffix(lower, ".xlsx") {
		return engine.Action{}, fmt.Errorf("path %q: a report is a .csv or an .xlsx file", r.name)
	}
	if !config.Discarded {
		r.name = besideReal(r.name, input)
	}
	if r.path, err = config.ResolveNew(r.name); err != nil {
		return engine.Action{}, fmt.Errorf("path %q: %w", r.name, err)
	}
	if r.step, err = in.identifier("of"); err != nil {
		return engine.Action{}, err
	}
	if in.has("columns") {
		if r.columns, err = in.texts("columns", maxMessages); err != nil {
			return engine.Action{}, err
		}
		if len(r.columns) == 0 {
			return engine.Action{}, errors.New("columns is empty")
		}
	}
	if in.has("status") {
		if r.status, err = in.texts("status", maxMessages); err != nil {
			return engine.Action{}, err
		}
		for _, status := range r.status {
			if !slices.Contains(reportStatuses(), any(status)) {
				return engine.Action{}, fmt.Errorf("status: there is no status %q", status)
			}
		}
	}
	return engine.Action{Assumed: map[string]any{"path": r.name, "count": 0}, Perform: r.perform}, nil
}

// besideReal is where a report goes: that of a rehearsal or of a test send stands beside that of a real run.
func besideReal(path string, input engine.Input) string {
	suffix, mark := filepath.Ext(path), ""
	if input.Test {
		mark = ".test"
	}
	if input.Sandbox {
		mark += ".sandbox"
	}
	return strings.TrimSuffix(path, suffix) + mark + suffix
}

func (r *report) perform(ctx context.Context) engine.Outcome {
	count, err := r.write(ctx)
	if err != nil {
		return engine.Outcome{State: engine.Failed, Code: "report", Message: err.Error()}
	}
	return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"path": r.name, "count": count}}
}

// write streams the items: memory does not grow with their number.
func (r *report) write(ctx context.Context) (count int, err error) {
	writer, err := sheet.Create(r.path, r.columns...)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, writer.Abandon())
		}
	}()
	seen := 0
	for item, err := range r.config.Outcomes(ctx, r.run, r.step) {
		if err != nil {
			return 0, fmt.Errorf("reading the outcomes of %s: %w", r.step, err)
		}
		seen++
		if len(r.status) > 0 && !slices.Contains(r.status, string(item.Status)) {
			continue
		}
		cells, err := r.cells(item)
		if err != nil {
			return 0, err
		}
		if err := writer.Row(cells...); err != nil {
			return 0, err
		}
	}
	if seen == 0 {
		// An audience may be empty; a slip of the pen in `of` looks the same, so that is said.
		r.config.Logger.WarnContext(ctx, "a report has no items: does `of` name a foreach that stands before?", "path", r.name, "of", r.step)
	}
	return writer.Rows(), writer.End()
}

func (r *report) cells(item ItemOutcome) ([]string, error) {
	var data map[string]any
	cells := make([]string, len(r.columns))
	for i, column := range r.columns {
		if text, ok := reportCell(item, column); ok {
			cells[i] = text
			continue
		}
		if data == nil {
			value, err := decodeValues(item.Data)
			if err != nil {
				return nil, fmt.Errorf("item %q: its row cannot be read: %w", item.Key, err)
			}
			if data, _ = value.(map[string]any); data == nil {
				data = map[string]any{}
			}
		}
		cells[i] = cellText(data[column])
	}
	return cells, nil
}

// reportCell is a column of the item itself.
func reportCell(item ItemOutcome, column string) (string, bool) {
	switch column {
	case "key":
		return item.Key, true
	case "row":
		return positive(item.Row), true
	case "lane":
		return item.Lane, true
	case "status":
		return string(item.Status), true
	case "reason":
		return item.Reason, true
	case "variant":
		return item.Variant, true
	case "wave":
		return positive(item.Wave), true
	case "calls":
		calls := make([]string, len(item.Calls))
		for i, call := range item.Calls {
			calls[i] = strings.TrimSpace(call.Step + " " + string(call.State) + " " + call.Code)
		}
		return strings.Join(calls, ", "), true
	}
	return "", false
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// cellText writes a value of the audience.
func cellText(value any) string {
	if text, ok := plain(value); ok {
		return text
	}
	if value == nil {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
