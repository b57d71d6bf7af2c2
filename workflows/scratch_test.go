package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/expression"
)

// scratchValue is {list: [who, {deep: who}], fixed: 1}.
func scratchValue(t *testing.T) *Value {
	program, err := expression.Compile("who", expression.Scope{"who": {Kind: expression.Any}}, expression.Type{})
	require.NoError(t, err)
	who := func() *Value { return &Value{form: formProgram, program: program} }
	deep := &Value{form: formObject, names: []string{"deep"}, items: []*Value{who()}}
	list := &Value{form: formList, items: []*Value{who(), deep, {form: formProgram, program: program, wrap: "name"}}}
	return &Value{form: formObject, names: []string{"list", "fixed"}, items: []*Value{list, {literal: 1}}}
}

func TestAScratchIsUsedAgainAfterReset(t *testing.T) {
	value, scratch := scratchValue(t), NewScratch()
	want := func(who string) any {
		return map[string]any{"fixed": 1, "list": []any{who, map[string]any{"deep": who}, map[string]any{"name": who}}}
	}
	first, err := value.EvalIn(map[string]any{"who": "a"}, scratch)
	require.NoError(t, err)
	require.Equal(t, want("a"), first)

	// Once more before Reset, as in a loop: what was given first stays as it is.
	second, err := value.EvalIn(map[string]any{"who": "b"}, scratch)
	require.NoError(t, err)
	require.Equal(t, want("b"), second)
	require.Equal(t, want("a"), first)

	scratch.Reset()
	first.(map[string]any)["added"] = true // by somebody who should not have
	third, err := value.EvalIn(map[string]any{"who": "c"}, scratch)
	require.NoError(t, err)
	require.Equal(t, want("c"), third)
	require.Equal(t, want("c"), first, "its memory is used again")

	object, other := scratch.Object(), scratch.Object()
	object["a"] = 1
	require.Empty(t, other)
	scratch.Reset()
	require.Empty(t, scratch.Object())
	require.Empty(t, object, "its memory is used again")

	names := map[string]any{"who": "d"}
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		scratch.Reset()
		_, _ = value.EvalIn(names, scratch)
	}), 1.0)
}
