package rehearsal

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"youmiflow/engine"
)

// madeCall is a call as expectations see it.
type madeCall struct {
	engine.Call
	play *play
}

func (m madeCall) field(name string) string {
	switch name {
	case "operation":
		return m.Operation
	case "step":
		return m.Step
	case "account":
		return m.Account
	case "friend":
		return m.Friend
	case "state":
		return string(m.State)
	case "code":
		return m.Code
	case "attempt":
		return strconv.Itoa(m.Attempt)
	case "text":
		return strings.Join(m.play.stage.Reads(m.Request), "\n")
	}
	return ""
}

func (m madeCall) body() map[string]any {
	var body map[string]any
	_ = json.Unmarshal(m.Request, &body) // what is no object has no part that could be expected
	return body
}

// agrees reports whether the call has all that is expected of it. One of which neither state nor code is named must have
// succeeded.
func (m madeCall) agrees(want Call) bool {
	if m.State != engine.CallSucceeded && !want.namesState() {
		return false
	}
	for _, field := range want.Fields {
		if m.field(field.Name) != strings.TrimSuffix(field.Value, "\n") {
			return false
		}
	}
	return (want.At == nil || want.At.agrees(m.StartedAt)) && (want.Body == nil || holds(m.body(), want.Body))
}

// holds reports whether a value has all that is expected of it: of an object the fields that are named, anything else whole.
func holds(got, want any) bool {
	object, isObject := want.(map[string]any)
	if list, isList := want.([]any); isList {
		other, ok := got.([]any)
		return ok && len(list) == len(other) && !slices.ContainsFunc(indexes(list), func(i int) bool { return !holds(other[i], list[i]) })
	}
	if !isObject {
		return asJSON(got) == asJSON(want)
	}
	other, ok := got.(map[string]any)
	if !ok {
		return false
	}
	for name, value := range object {
		there, ok := other[name]
		if !ok || !holds(there, value) {
			return false
		}
	}
	return true
}

func indexes[T any](list []T) []int {
	all := make([]int, len(list))
	for i := range list {
		all[i] = i
	}
	return all
}

// part is what there is in place of what is expected: the same fields of the same objects.
func part(got, want any) any {
	object, isObject := want.(map[string]any)
	other, ok := got.(map[string]any)
	if !isObject || !ok {
		return got
	}
	fields := make(map[string]any, len(object))
	for name, value := range object {
		if there, ok := other[name]; ok {
			fields[name] = part(there, value)
		}
	}
	return fields
}

func (w Call) namesState() bool {
	return slices.ContainsFunc(w.Fields, func(field Field) bool { return field.Name == "state" || field.Name == "code" })
}

// line is an expected call.
func (w Call) line() string {
	fields := slices.Clone(w.Fields)
	if w.At != nil {
		fields = append(fields, Field{"at", Text{Value: w.At.text}})
	}
	return w.withBody(fields, w.Body)
}

func (w Call) withBody(fields []Field, body any) string {
	text := fieldsText(fields)
	if w.Body == nil {
		return text
	}
	return strings.TrimSuffix(text, "}") + separator(fields) + "body: " + asJSON(body) + "}"
}

func separator(fields []Field) string {
	if len(fields) == 0 {
		return ""
	}
	return ", "
}

// line is a call that was made, by what is expected of it; where that agrees, in the same words.
func (m madeCall) line(want Call) string {
	fields := make([]Field, 0, len(want.Fields)+1)
	for _, field := range want.Fields {
		fields = append(fields, Field{field.Name, Text{Value: m.field(field.Name)}})
	}
	if want.At != nil {
		at := want.At.text
		if !want.At.agrees(m.StartedAt) {
			at = m.clock(want.At)
		}
		fields = append(fields, Field{"at", Text{Value: at}})
	}
	if !want.namesState() {
		fields = append(fields, m.trouble()...)
	}
	return want.withBody(fields, part(m.body(), want.Body))
}

// trouble is why the call has not succeeded.
func (m madeCall) trouble() []Field {
	if m.State == engine.CallSucceeded {
		return nil
	}
	return []Field{{"state", Text{Value: string(m.State)}}, {"code", Text{Value: m.Code}}}
}

// clock is when the call was made, with the day where that is not the first, and as exact as what was expected.
func (m madeCall) clock(want *when) string {
	at := m.StartedAt.In(m.play.Test.Location)
	layout := time.TimeOnly
	if want.to.Sub(want.from) < time.Second-1 || at.Nanosecond() != 0 {
		layout = "15:04:05.000"
	}
	if start := m.play.Test.Clock; at.YearDay() != start.YearDay() || at.Year() != start.Year() {
		layout = "2006-01-02 " + layout
	}
	return at.Format(layout)
}

// whole is a call that nothing is expected of.
func (m madeCall) whole() string {
	fields := []Field{{"operation", Text{Value: m.Operation}}, {"account", Text{Value: m.Account}}, {"friend", Text{Value: m.Friend}}}
	if text := m.field("text"); text != "" {
		fields = append(fields, Field{"text", Text{Value: text}})
	}
	fields = append(fields, m.trouble()...)
	fields = append(fields, Field{"at", Text{Value: m.clock(&when{to: time.Unix(1, 0)})}})
	fields = slices.DeleteFunc(fields, func(f Field) bool { return f.Value == "" })
	return fieldsText(fields)
}

// fieldsText writes fields as YAML does on one line.
func fieldsText(fields []Field) string {
	parts := make([]string, len(fields))
	for i, field := range fields {
		parts[i] = field.Name + ": " + written(field.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// written quotes a text where YAML would need it.
func written(text string) string {
	if text == "" || strings.ContainsAny(text, "{}[],#&*!|>'\"%@`\n\t") || strings.Contains(text, ": ") || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}

func asJSON(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error() // it came from JSON or YAML: there is nothing in it that JSON could not write
	}
	return strings.TrimSpace(b.String())
}
