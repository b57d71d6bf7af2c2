package expression

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What only reads a field gives the same, to the words of its errors, as when the machine computes it.
func TestAPathGivesWhatTheMachineGives(t *testing.T) {
	scope := Scope{"row": {Kind: Object, Open: true}, "steps": {Kind: Object, Open: true}, "one": {Kind: String}, "n": {Kind: Any}}
	deep := any("x")
	for range 200 {
		deep = map[string]any{"a": deep}
	}
	for _, source := range []string{"row", "row.a", "row.a.b", `row["a"].b`, "steps.hold.takeover", "one", "n", "row.a?.b", "row.a + 1"} {
		for _, want := range []Type{{}, {Kind: String}, {Kind: Integer}, {Kind: Bool}, {Kind: List}} {
			program, err := Compile(source, scope, want)
			if err != nil {
				continue // known not to fit
			}
			for _, row := range []any{nil, map[string]any{}, map[string]any{"a": nil}, map[string]any{"a": "text"}, map[string]any{"a": 7.0},
				map[string]any{"a": map[string]any{"b": true}}, map[string]any{"a": []any{1, "x"}}, map[string]any{"a": time.Now()}, deep, "text", 3} {
				names := map[string]any{"row": row, "n": row, "one": row, "steps": map[string]any{"hold": row}}
				got, gotErr := program.Eval(names)
				path := program.path
				program.path = nil
				wanted, wantedErr := program.Eval(names)
				program.path = path
				require.Equal(t, wanted, got, "%s of %v", source, row)
				require.Equal(t, wantedErr, gotErr, "%s of %v", source, row)
			}
		}
	}
	program, err := Compile("row.a", scope, Type{})
	require.NoError(t, err)
	require.Equal(t, []string{"row", "a"}, program.path)
}
