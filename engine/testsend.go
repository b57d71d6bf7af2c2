package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"youmiflow/workflows"
)

// defaultTestRows is how many rows of a foreach a test send takes when nobody says.
const defaultTestRows = 3

// redirect has a step's inputs name the test recipient in place of the real ones. What a read asks for stays: it reaches
// nobody, and the test is about what is said of the real rows.
func (s *scope) redirect(step *workflows.Step, with map[string]any) map[string]any {
	test := s.active.run.Test
	if test == nil || step.Uses.Type.Effect == workflows.EffectRead || step.Uses.Type.Effect == workflows.EffectLocal {
		return with
	}
	redirected := maps.Clone(with)
	for name, value := range map[string]any{"account": test.Account, "friend": test.Friend} {
		if _, given := redirected[name]; given {
			redirected[name] = value
		}
	}
	return redirected
}

// astray reports why a test send must leave a step out; "" when it need not. Whatever is no read goes to the test
// recipient, as its request says, or nowhere; and only what speaks in a conversation is known to reach nobody else.
func (s *scope) astray(step *workflows.Step, action Action) string {
	test := s.active.run.Test
	if test == nil || step.Uses.Type.Effect == workflows.EffectLocal && action.Request == nil {
		return ""
	}
	if request := action.Request; request != nil {
		if request.Effect == workflows.EffectRead {
			return ""
		}
		speaks := request.Takeover != TakeoverNone || hasInput(step, "takeover")
		if speaks && request.Account == test.Account && request.Friend == test.Friend {
			return ""
		}
	} else if step.Uses.Type.Effect == workflows.EffectRead {
		return ""
	}
	return fmt.Sprintf("%s reaches others than the test recipient", step.Uses.Name)
}

func hasInput(step *workflows.Step, name string) bool {
	return slices.ContainsFunc(step.Uses.Type.Inputs, func(field workflows.Field) bool { return field.Name == name })
}

// passOver is the result of a step that a test send leaves out. The item goes on, and says so in the end.
func (s *scope) passOver(why string) *result {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if !slices.Contains(s.kept.passed, why) {
		s.kept.passed = append(s.kept.passed, why)
	}
	return &result{Status: StatusSkipped, Error: &Failure{Code: codeTest, Message: "left out of the test: " + why}}
}

// passedOver is what the item's reason says of steps that a test send left out.
func (k *kept) passedOver() string {
	if len(k.passed) == 0 {
		return ""
	}
	return "left out of the test: " + strings.Join(k.passed, "; ")
}

// errSampled ends the reading of an audience of which a test send has enough.
var errSampled = errors.New("enough rows for a test")

// sample takes the first rows of an audience that take part, and one of each variant at least where there are so many.
type sample struct {
	left    int
	missing map[string]bool // variants of which there is none yet
	keys    map[string]bool
}

// newSample returns nil for a run that is no test.
func newSample(test *Test, foreach *workflows.Foreach) *sample {
	if test == nil {
		return nil
	}
	s := &sample{left: test.Rows, missing: map[string]bool{}, keys: map[string]bool{}}
	for _, variant := range foreach.Variants {
		if variant.Weight > 0 {
			s.missing[variant.Name] = true
		}
	}
	return s
}

// takes reports whether a row is one of them. Rows that take no part, with their reasons, come along until there are enough.
func (s *sample) takes(item Item) bool {
	switch {
	case item.Status != StatusPending, s.keys[item.Key]:
		return true
	case s.left <= len(s.missing) && !s.missing[item.Variant] && len(s.missing) > 0:
		return false
	}
	s.keys[item.Key] = true
	delete(s.missing, item.Variant)
	s.left--
	return true
}

func (s *sample) enough() bool { return s.left <= 0 }
