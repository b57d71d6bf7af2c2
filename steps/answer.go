package steps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// Few answers were seen. So every step gives the whole answer under `values`, and what it makes of it besides is sought
// where it can be expected, and never invented: what is not there is empty, or a failure where the step is for nothing else.

// decodeValues reads `values` as expressions take it: whole numbers stay whole. Nil when there is none.
func decodeValues(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("`values` of the answer cannot be read: %w", err)
	}
	return numbers(value), nil
}

func numbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := strconv.Atoi(value.String()); err == nil {
			return whole
		}
		if number, err := value.Float64(); err == nil && !strings.ContainsAny(value.String(), "eE") && strings.Contains(value.String(), ".") {
			return number
		}
		return value.String() // what no number of ours holds exactly stays as it is written
	case []any:
		for i := range value {
			value[i] = numbers(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = numbers(value[name])
		}
	}
	return value
}

// answerFields are the outputs of every step that gives the answer as it came.
func answerFields(own ...workflows.Field) []workflows.Field {
	return append(own,
		workflows.Field{Name: "values", APIName: "values", Description: "the answer as it came, by the platform's own names"},
		workflows.Field{Name: "code", Type: integerType(), APIName: "errmsg", Description: "the result code; 20000 and 10004 are success"},
		requestIDField(),
	)
}

// answer gives those outputs.
func answer(response *youmi.Response) (map[string]any, error) {
	values, err := decodeValues(response.Values)
	return map[string]any{"values": values, "code": response.Code, "request_id": response.RequestID}, err
}

// assumedAnswer are those outputs in a plan.
func assumedAnswer() map[string]any {
	return map[string]any{"values": nil, "code": youmi.CodeDone, "request_id": ""}
}

func countField() workflows.Field {
	return workflows.Field{Name: "count", Type: integerType(), APIName: "values", Description: "how many there are"}
}

// counted adds `count`, the step's whole purpose: an answer without one is a failure.
func counted(outputs map[string]any) error {
	count, ok := numberIn(outputs["values"])
	if !ok {
		return fmt.Errorf("the answer holds no count: %s", kindOfAnswer(outputs["values"]))
	}
	outputs["count"] = count
	return nil
}

// numberIn finds a number: `values` itself, or the one number of an object.
func numberIn(value any) (int, bool) {
	switch value := value.(type) {
	case int:
		return value, true
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(value))
		return n, err == nil
	case map[string]any:
		var found []int
		for _, inner := range value {
			if n, ok := inner.(int); ok {
				found = append(found, n)
			}
		}
		if len(found) == 1 {
			return found[0], true
		}
	}
	return 0, false
}

// listIn finds a list: `values` itself, or the one list of an object. Nothing is an empty list.
func listIn(value any) ([]any, bool) {
	switch value := value.(type) {
	case nil:
		return nil, true
	case []any:
		return value, true
	case map[string]any:
		var found []any
		lists := 0
		for _, inner := range value {
			if list, ok := inner.([]any); ok {
				found = list
				lists++
			}
		}
		return found, lists == 1
	}
	return nil, false
}

// identified adds an id that the platform gave to what was made, "" when it is not found: what is done stays done.
func identified(outputs map[string]any, output string, names ...string) {
	outputs[output] = ""
	value := outputs["values"]
	if object, ok := value.(map[string]any); ok {
		value = nil
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if slices.ContainsFunc(names, func(want string) bool { return strings.EqualFold(want, name) }) {
				value = object[name]
			}
		}
	}
	if text, ok := plain(value); ok {
		outputs[output] = text
	}
}

// kindOfAnswer says what an answer looks like without quoting it.
func kindOfAnswer(value any) string {
	if object, ok := value.(map[string]any); ok {
		return "`values` is an object of " + strings.Join(slices.Sorted(maps.Keys(object)), ", ")
	}
	return "`values` is " + kind(value)
}

// rowsField is an audience.
func rowsField(description string) workflows.Field {
	return workflows.Field{Name: "rows", Type: opaque("rows"), APIName: "values", Description: description}
}
