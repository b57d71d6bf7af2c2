package workflows

import (
	"maps"
	"slices"

	"youmiflow/internal/expression"
)

// testCatalogue resembles the real one, which stands on a higher floor.
type testCatalogue map[string]*StepType

func (c testCatalogue) Lookup(name string) (*StepType, bool) {
	t, ok := c[name]
	return t, ok
}

func (c testCatalogue) Names() []string { return slices.Sorted(maps.Keys(c)) }

func newTestCatalogue() testCatalogue {
	text := expression.Type{Kind: expression.String}
	takeover := expression.Type{Kind: expression.Opaque, Name: "takeover"}
	rows := expression.Type{Kind: expression.Opaque, Name: "rows"}
	object := expression.Type{Kind: expression.Object}
	list := expression.Type{Kind: expression.List, Element: &object}
	image := Field{Name: "image", Type: object, Scalar: "url", Fields: []Field{
		{Name: "url", Type: text, Required: true, Pattern: "^https?://"}, {Name: "format", Type: text, Enum: []any{"png", "jpg"}},
	}}
	link := Field{Name: "link", Type: object, Scalar: "url", Fields: []Field{
		{Name: "url", Type: text, Required: true, Pattern: "^https?://", Form: "an address that begins with https://"}, {Name: "title", Type: text}, {Name: "description", Type: text}, {Name: "thumbnail", Type: text},
	}}
	target := []Field{
		{Name: "takeover", Type: takeover}, {Name: "account", Type: text}, {Name: "friend", Type: text},
		{Name: "channel", Type: text, Enum: []any{"personal", "wecom"}},
	}
	either := Choice{Groups: [][]string{{"takeover"}, {"account", "friend"}}}
	contents := []Field{{Name: "text", Type: text}, image, link, {Name: "refund", Type: expression.Type{Kind: expression.Bool}, Enum: []any{true}}}
	content := Choice{Groups: [][]string{{"text"}, {"image"}, {"link"}, {"refund"}}}
	all := []*StepType{
		{Name: "takeover.apply", Effect: EffectIdempotent, Inputs: []Field{
			{Name: "account", Key: true, Required: true}, {Name: "friend", Key: true, Required: true}, {Name: "reason", Type: text},
		}, Outputs: []Field{{Name: "takeover", Type: takeover}}},
		{Name: "takeover.end", Effect: EffectIdempotent, Inputs: []Field{{Name: "takeover", Type: takeover, Required: true}}},
		{Name: "message.send", Effect: EffectMessage, Operation: &Operation{ID: "doSendPublicMes", Status: "documented"}, Inputs: append(slices.Clone(target), contents...), OneOf: []Choice{either, content},
			Outputs: []Field{{Name: "task_id", Type: text}}},
		{Name: "message.batch", Effect: EffectMessage, Operation: &Operation{ID: "doSendPublicMes", Status: "documented"}, Inputs: append(slices.Clone(target),
			Field{Name: "messages", Type: list, Required: true, Fields: contents, OneOf: []Choice{content}}), OneOf: []Choice{either}},
		{Name: "message.forward", Effect: EffectMessage, Inputs: append(slices.Clone(target),
			Field{Name: "from", Type: text, Required: true},
			Field{Name: "flags", Type: list, Required: true, Fields: []Field{
				{Name: "flag", Type: text, Required: true}, {Name: "type", Type: text, Required: true},
				{Name: "time", Type: expression.Type{Kind: expression.Integer}, Required: true}, {Name: "index", Type: expression.Type{Kind: expression.Integer}},
			}}), OneOf: []Choice{either}},
		{Name: "audience.file", Effect: EffectLocal, Inputs: []Field{
			{Name: "path", Type: text, Required: true}, {Name: "sheet", Type: text},
		}, Outputs: []Field{{Name: "rows", Type: rows}}},
		{Name: "assert", Effect: EffectLocal, Inputs: []Field{
			{Name: "that", Type: expression.Type{Kind: expression.Bool}, Required: true}, {Name: "message", Type: text},
		}},
		{Name: "report.write", Effect: EffectLocal, Inputs: []Field{
			{Name: "path", Type: text, Required: true, Inside: true, Pattern: `\.csv$`, Form: "a file that ends in .csv"},
			{Name: "of", Type: text, Required: true, Names: NamesForeach},
			{Name: "columns", Type: expression.Type{Kind: expression.List, Element: &text}, Names: NamesColumns, Own: []string{"key", "status"}},
		}},
		{Name: "log", Effect: EffectLocal, Inputs: []Field{{Name: "message", Type: text, Required: true}}},
		{Name: "http.request", Effect: EffectRead, Inputs: []Field{
			{Name: "body", Type: expression.Type{Kind: expression.Any}}, {Name: "timeout", Type: expression.Type{Kind: expression.Duration}},
			{Name: "ratio", Type: expression.Type{Kind: expression.Number}}, {Name: "at", Type: expression.Type{Kind: expression.Time}},
			{Name: "tries", Type: expression.Type{Kind: expression.Integer}},
		}, Outputs: []Field{{Name: "json", Type: expression.Type{Kind: expression.Any}}, {Name: "code", Type: expression.Type{Kind: expression.Integer}}}},
	}
	c := testCatalogue{}
	for _, one := range all {
		c[one.Name] = one
	}
	return c
}
