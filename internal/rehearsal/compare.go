package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// compare says what is not as expected.
func (p *play) compare(ctx context.Context) ([]Mismatch, error) {
	runs, err := p.family(ctx)
	if err != nil {
		return nil, err
	}
	c := &comparison{play: p, runs: runs, found: p.found}
	c.fires()
	if len(runs) > 0 {
		c.run = runs[0]
	} else if p.expectsRun() {
		c.differs(p.Test.Expect.Span, "no run was started")
		return c.found, nil
	}
	if err := c.status(ctx); err != nil {
		return nil, err
	}
	c.failure()
	c.counts()
	if err := c.items(ctx); err != nil {
		return nil, err
	}
	if err := c.calls(ctx); err != nil {
		return nil, err
	}
	if err := c.outputs(); err != nil {
		return nil, err
	}
	c.takeovers()
	if len(c.found) > 0 && c.Test.Expect.Status == nil && c.run.Status == engine.StatusFailed {
		why, err := c.why(ctx)
		c.differs(c.Test.Expect.Span, "the run has failed"+why)
		return c.found, err
	}
	return c.found, nil
}

type comparison struct {
	*play
	run   engine.Run
	runs  []engine.Run // and those that it has called
	found []Mismatch
}

func (c *comparison) differs(span diagnostic.Span, what string, diff ...string) {
	c.found = append(c.found, Mismatch{What: what, Span: span, Diff: diff})
}

// scalar compares one value.
func (c *comparison) scalar(span diagnostic.Span, what, want, got string) {
	if want != got {
		c.differs(span, what, "- "+written(want), "+ "+written(got))
	}
}

func (c *comparison) status(ctx context.Context) error {
	want, got := c.Test.Expect.Status, string(c.run.Status)
	switch {
	case want != nil && want.Value == got:
		return nil
	case want == nil && (c.run.Status.Over() || len(c.runs) == 0):
		return nil
	}
	span, expected := c.Test.Expect.Span, "- over"
	if want != nil {
		span, expected = want.Span, "- "+want.Value
	}
	why, err := c.why(ctx)
	c.differs(span, "status", expected, "+ "+got+why)
	return err
}

// why explains the run's status, behind a colon.
func (c *comparison) why(ctx context.Context) (string, error) {
	if c.run.Error != nil && c.run.Error.Code != "" {
		return fmt.Sprintf(": %s (%s)", c.run.Error.Message, c.run.Error.Code), nil
	}
	if c.run.Status.Over() {
		return c.firstFailed(ctx)
	}
	for _, run := range c.runs {
		questions, err := engine.Questions(ctx, c.stage.Ledger, run.ID)
		if err != nil {
			return "", err
		}
		for _, question := range questions {
			return fmt.Sprintf(": waits for a person at %s; answer it under approvals", question.Step), nil
		}
	}
	return ": nothing is due any more", nil
}

// firstFailed says why the first item has not succeeded that was begun.
func (c *comparison) firstFailed(ctx context.Context) (string, error) {
	filter := engine.ItemFilter{Run: c.run.ID, Statuses: []engine.Status{engine.StatusFailed, engine.StatusUnknown}, Limit: 1}
	for item, err := range c.stage.Ledger.Items(ctx, filter) {
		if err != nil {
			return "", fmt.Errorf("reading the items: %w", err)
		}
		return fmt.Sprintf(": item %s is %s: %s", item.Key, item.Status, item.Reason), nil
	}
	return "", nil
}

func (c *comparison) failure() {
	got := engine.Failure{}
	if c.run.Error != nil {
		got = *c.run.Error
	}
	for _, want := range c.Test.Expect.Error {
		if want.Name == "code" {
			c.scalar(want.Span, "error code", want.Value, got.Code)
		} else if !strings.Contains(got.Message, want.Value) {
			c.differs(want.Span, "error message", "- … "+written(want.Value)+" …", "+ "+written(got.Message))
		}
	}
}

func (c *comparison) counts() {
	total := 0
	for _, n := range c.run.Counts {
		total += n
	}
	for _, want := range c.Test.Expect.Counts {
		got := c.run.Counts[engine.Status(want.Status)]
		if want.Status == "total" {
			got = total
		}
		c.scalar(want.Span, "counts: "+want.Status, strconv.Itoa(want.Number), strconv.Itoa(got))
	}
}

func (c *comparison) items(ctx context.Context) error {
	if len(c.Test.Expect.Items) == 0 {
		return nil
	}
	byKey := map[string][]engine.Item{}
	for _, run := range c.runs {
		for item, err := range c.stage.Ledger.Items(ctx, engine.ItemFilter{Run: run.ID}) {
			if err != nil {
				return fmt.Errorf("reading the items: %w", err)
			}
			byKey[item.Key] = append(byKey[item.Key], item)
		}
	}
	for _, want := range c.Test.Expect.Items {
		c.item(want, byKey[want.Key.Value])
	}
	return nil
}

// item compares the first item of a key: those after it are its duplicates, or of another foreach.
func (c *comparison) item(want Item, with []engine.Item) {
	for _, field := range want.Fields {
		if field.Name == "step" {
			with = slices.DeleteFunc(slices.Clone(with), func(item engine.Item) bool { return item.Step != field.Value })
		}
	}
	what := "item " + want.Key.Value
	if len(with) == 0 {
		c.differs(want.Key.Span, what, "- "+fieldsText(want.Fields), "+ no such item")
		return
	}
	got := itemFields(with[0])
	var actual []Field
	same := true
	for _, field := range want.Fields {
		value := got[field.Name]
		agrees := value == field.Value || field.Name == "reason" && strings.Contains(value, field.Value)
		if same = same && agrees; agrees {
			value = field.Value
		}
		actual = append(actual, Field{field.Name, Text{Value: value}})
	}
	if same {
		return
	}
	if !slices.ContainsFunc(want.Fields, func(f Field) bool { return f.Name == "reason" }) && with[0].Reason != "" {
		actual = append(actual, Field{"reason", Text{Value: with[0].Reason}})
	}
	c.differs(want.Key.Span, what, "- "+fieldsText(want.Fields), "+ "+fieldsText(actual))
}

func itemFields(item engine.Item) map[string]string {
	return map[string]string{"status": string(item.Status), "reason": item.Reason, "variant": item.Variant, "lane": item.Lane,
		"wave": strconv.Itoa(item.Wave), "step": item.Step}
}

func (c *comparison) calls(ctx context.Context) error {
	if len(c.Test.Expect.Calls) == 0 {
		return nil
	}
	var made []engine.Call
	for _, run := range c.runs {
		for call, err := range c.stage.Ledger.Calls(ctx, engine.CallFilter{Run: run.ID}) {
			if err != nil {
				return fmt.Errorf("reading the calls: %w", err)
			}
			if call.Code != "late" { // it did not leave
				made = append(made, call)
			}
		}
	}
	slices.SortStableFunc(made, func(a, b engine.Call) int { return a.StartedAt.Compare(b.StartedAt) })
	for _, want := range c.Test.Expect.Calls {
		got := made
		if want.Key == "messages" {
			got = slices.DeleteFunc(slices.Clone(made), func(call engine.Call) bool { return call.Effect != workflows.EffectMessage })
		}
		list := make([]madeCall, len(got))
		for i, call := range got {
			list[i] = madeCall{call, c.play}
		}
		if diff, span := compareCalls(want, list); diff != nil {
			c.differs(span, want.Key, diff...)
		}
	}
	return nil
}

func (c *comparison) outputs() error {
	var got map[string]any
	if len(c.run.Outputs) > 0 {
		if err := json.Unmarshal(c.run.Outputs, &got); err != nil {
			return fmt.Errorf("reading the outputs of the run: %w", err)
		}
	}
	for _, want := range c.Test.Expect.Outputs {
		value, there := got[want.Name.Value]
		actual := asJSON(value)
		if !there {
			actual = "no such output"
		}
		if expected := asJSON(want.Value); expected != actual {
			c.differs(want.Name.Span, "output "+want.Name.Value, "- "+expected, "+ "+actual)
		}
	}
	return nil
}

// takeovers must not stay, unless the test says otherwise.
func (c *comparison) takeovers() {
	if c.Test.Expect.Takeovers {
		return
	}
	open := slices.DeleteFunc(c.box.Takeovers(), func(t sandbox.Takeover) bool { return !t.Open() })
	if len(open) == 0 {
		return
	}
	diff := []string{"- none"}
	for _, one := range open {
		diff = append(diff, fmt.Sprintf("+ %s still speaks with %s, since %s", one.Account, one.Friend,
			one.AppliedAt.In(c.Test.Location).Format("15:04:05")))
	}
	c.differs(c.Test.Expect.Span, "takeovers", shortened(diff)...)
}
