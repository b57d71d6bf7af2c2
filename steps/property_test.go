package steps

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/internal/youmi"
)

// TestNothingSentIsRefusedByTheDocument draws inputs, good and bad, for every step that calls: whatever Prepare lets
// through, openapi.yaml allows, and it is what Perform sends.
func TestNothingSentIsRefusedByTheDocument(t *testing.T) {
	schemas := requestSchemas(t)
	passed := map[string]bool{}
	check := func(t *rapid.T) {
		api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000}}
		step, with := drawStep(t)
		action, err := prepare(t, newCatalogue(t, api), step, with)
		if err != nil || action.Skip != "" {
			return
		}
		conforms(t, schemas, action.Request.Operation, action.Request.Body)
		passed[step] = true
		require.NotEmpty(t, action.Request.Account)
		require.NotEmpty(t, action.Request.Friend)
		action.Perform(t.Context())
		require.Equal(t, string(action.Request.Body), string(api.body))
	}
	rapid.Check(t, check)
	for rounds := 0; len(passed) < len(callingSteps) && rounds < 50; rounds++ { // a quick run draws few
		rapid.Check(t, check)
	}
	for _, step := range callingSteps {
		require.True(t, passed[step], "no input of %s was ever let through", step)
	}
}

// callingSteps are those that are drawn.
var callingSteps = []string{"message.send", "message.batch", "message.forward", "takeover.apply", "takeover.end"}

func drawStep(t *rapid.T) (string, map[string]any) {
	step := rapid.SampledFrom(callingSteps).Draw(t, "step")
	with := map[string]any{}
	if step != "takeover.apply" && (step == "takeover.end" || rapid.Bool().Draw(t, "held")) {
		with["takeover"] = drawHandle(t)
	} else {
		with["account"], with["friend"] = drawIdentifier(t, "account"), drawIdentifier(t, "friend")
	}
	if step == "takeover.end" {
		return step, with
	}
	if rapid.Bool().Draw(t, "with channel") {
		with["channel"] = rapid.SampledFrom([]any{"personal", "wecom", "sms", nil}).Draw(t, "channel")
	}
	switch step {
	case "message.send":
		content := rapid.SampledFrom(contents()).Draw(t, "content").field.Name
		with[content] = drawContent(t, content)
	case "message.batch":
		with["messages"] = drawBatch(t)
	case "message.forward":
		with["from"] = drawIdentifier(t, "from")
		with["flags"] = drawFlags(t)
	case "takeover.apply":
		for _, name := range []string{"applicant", "applicant_name", "reason", "source"} {
			with[name] = drawText(t, name)
		}
	}
	return step, with
}

// drawHandle draws what takeover.apply may have left, through JSON as the ledger does.
func drawHandle(t *rapid.T) any {
	handle := map[string]any{
		"account": drawIdentifier(t, "held account"), "friend": drawIdentifier(t, "held friend"),
		"key": rapid.SampledFrom([]any{"", "key-1", nil}).Draw(t, "key"), "channel": rapid.SampledFrom([]any{"personal", "wecom"}).Draw(t, "held channel"),
	}
	text, err := json.Marshal(handle)
	require.NoError(t, err)
	var kept map[string]any
	require.NoError(t, json.Unmarshal(text, &kept))
	return kept
}

// draw takes something good, and now and then something bad.
func draw(t *rapid.T, label string, good, bad []any) any {
	if rapid.IntRange(0, 15).Draw(t, label+" is bad") == 15 {
		return rapid.SampledFrom(bad).Draw(t, label)
	}
	return rapid.SampledFrom(good).Draw(t, label)
}

func drawIdentifier(t *rapid.T, label string) any {
	return draw(t, label, []any{"wxid_1", 135389, 135389.0, "客户", " f "}, []any{"", nil, true})
}

func drawText(t *rapid.T, label string) any {
	if rapid.Bool().Draw(t, label+" is random") {
		return rapid.StringN(1, 50, -1).Draw(t, label)
	}
	return draw(t, label, []any{"你好 😀", "<a> & b", 7, 1.5, "line\nline"}, []any{"", "  ", nil, false})
}

func drawURL(t *rapid.T) any {
	return draw(t, "url", []any{
		"https://e.com/a.png", "http://e.com/v.MP4?x=1&y=2", "https://e.com/%E6%8A%A5.pdf", "https://e.com/get?name=a.mp4", "https://e.com/报价.docx",
	}, []any{"https://e.com", "https://e.com/a", "ftp://e.com/a", "a.png", "", nil, 5})
}

func drawContent(t *rapid.T, name string) any {
	switch name {
	case "text":
		return drawText(t, name)
	case "collect_payment", "refund":
		return draw(t, name, []any{true}, []any{false, "true", 1})
	}
	if rapid.IntRange(0, 3).Draw(t, "form") == 0 {
		return rapid.SampledFrom([]any{"https://e.com/a.mp4", "名字", true, 5, ""}).Draw(t, "scalar")
	}
	return map[string]any{
		"url": drawURL(t), "format": draw(t, "format", []any{nil, "png", ".MP4", ""}, []any{"averylongsuffix", false}),
		"title": drawText(t, "title"), "description": drawText(t, "description"), "thumbnail": drawURL(t),
		"name": drawText(t, "name"), "company": drawText(t, "company"),
	}
}

func drawBatch(t *rapid.T) []any {
	var list []any
	for i := range rapid.IntRange(0, 4).Draw(t, "messages") {
		name := rapid.SampledFrom(inline()).Draw(t, fmt.Sprint("content ", i)).field.Name
		list = append(list, map[string]any{name: drawContent(t, name)})
	}
	return list
}

func drawFlags(t *rapid.T) []any {
	var list []any
	for range rapid.IntRange(0, 3).Draw(t, "flags") {
		list = append(list, map[string]any{
			"flag":  draw(t, "flag", []any{"flag:0000026", 26}, []any{"", nil}),
			"type":  draw(t, "type", []any{"image", "location"}, []any{nil, " "}),
			"time":  draw(t, "time", []any{1647865582, "1647865582", 1647865582.0}, []any{1.5, nil, "yesterday"}),
			"index": draw(t, "index", []any{1, 24, -1}, []any{"x", nil}),
		})
	}
	return list
}
