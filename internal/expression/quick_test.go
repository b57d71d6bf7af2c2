package expression

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A simple condition gives the same, to the words of its errors, as when the machine computes it.
func TestAQuickConditionGivesWhatTheMachineGives(t *testing.T) {
	scope := Scope{"row": {Kind: Object, Open: true}, "n": {Kind: Any}}
	values := []any{nil, "", "gold", "vip", "上海", 3, 2.5, true, []any{"gold"}, map[string]any{"gold": "vip"}}
	operands := rapid.SampledFrom([]string{"row.a", "row.b", "n", `row["a"]`, "row.a.b"})
	compared := rapid.SampledFrom([]string{` == "gold"`, ` != "vip"`, ` in ["gold", "vip"]`, ` not in ["上海"]`, ` in []`, ` == ""`, ` == 3`, ` in ["gold", 3]`, ` == row.b`})
	var condition *rapid.Generator[string]
	condition = rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return "not (" + condition.Draw(t, "of") + ")"
		case 1:
			return "(" + condition.Draw(t, "left") + ") and (" + condition.Draw(t, "right") + ")"
		case 2:
			return "(" + condition.Draw(t, "left") + ") || (" + condition.Draw(t, "right") + ")"
		}
		return operands.Draw(t, "operand") + compared.Draw(t, "compared")
	})
	simple := 0
	rapid.Check(t, func(t *rapid.T) {
		source := condition.Draw(t, "source")
		program, err := Compile(source, scope, Type{Kind: Bool})
		require.NoError(t, err)
		if program.quick != nil {
			simple++
		}
		machine := &Program{source: program.source, runes: program.runes, tree: program.tree, names: program.names,
			result: program.result, want: program.want, machine: program.machine}
		machine.idle.New = newEvaluator
		value := rapid.SampledFrom(values)
		names := map[string]any{"n": value.Draw(t, "n"), "row": map[string]any{"a": value.Draw(t, "a"), "b": value.Draw(t, "b")}}
		got, gotErr := program.Eval(names)
		wanted, wantedErr := machine.Eval(names)
		require.Equal(t, wanted, got, "%s of %v", source, names)
		require.Equal(t, wantedErr, gotErr, "%s of %v", source, names)
	})
	require.Positive(t, simple)
}

func TestQuickConditions(t *testing.T) {
	scope := Scope{"row": {Kind: Object, Open: true}}
	for source, is := range map[string]bool{
		`row.tier in ["gold", "vip"]`:                      true,
		`row.tier == "vip" and not (row.city == "上海")`:     true,
		`row.tier == row.city`:                             false,
		`row.tier in ["gold", 1]`:                          false,
		`row.tier == "vip" and row.age > 3`:                false,
		`row?.tier == "vip"`:                               false,
		`(row.tier == "vip" ? "a" : "b") in ["a"]`:         false,
		`(row.tier ?? "vip") in ["gold", "vip", "bronze"]`: false,
	} {
		program, err := Compile(source, scope, Type{Kind: Bool})
		require.NoError(t, err)
		require.Equal(t, is, program.quick != nil, source)
	}
}
