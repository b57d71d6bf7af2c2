package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/expression"
)

// compileWith compiles one YAML value for a field over an open row and some typed names.
func compileWith(t testing.TB, source string, field Field) (*Value, string) {
	t.Helper()
	d := &decoder{problems: &problems{file: "v.yaml"}}
	node := d.read([]byte(source))
	require.NotNil(t, node, "%v", d.list)
	v := d.value(node, "it", &field, names{scope: expression.Scope{
		"row": {Kind: expression.Object, Open: true}, "n": integer1, "s": text1, "when": time1, "f": {Kind: expression.Number},
		"pause": {Kind: expression.Duration},
	}})
	return v, show(d.sorted(), source)
}

func TestValues(t *testing.T) {
	when := time.Date(2026, 11, 11, 10, 0, 0, 0, time.FixedZone("", 8*3600))
	data := map[string]any{
		"row": map[string]any{"name": "王芳 🎉", "count": "3", "big": 1e21, "none": "", "yes": "TRUE", "n": 7},
		"n":   3, "s": "x", "when": when, "f": 1234567890.5, "pause": 90 * time.Second,
	}
	for _, c := range []struct {
		source string
		kind   expression.Kind
		want   any
	}{
		{`${{ n }}`, expression.Any, 3},
		{`"${{ n }} of ${{ s }}"`, expression.Any, "3 of x"},
		{`"你好 ${{ row.name }}，${{ when }}"`, expression.String, "你好 王芳 🎉，2026-11-11T10:00:00+08:00"},
		{`f ${{ f }} ${{ row.big }} ${{ pause }}`, expression.String, "f 1234567890.5 1000000000000000000000 1m30s"},
		{`$${{ n }}`, expression.String, "${{ n }}"},
		{`$${{ n }} ${{ n }}`, expression.String, "${{ n }} 3"},
		{`"${{ '}}' + s }}"`, expression.String, "}}x"},
		{`"${{ {'a': {'b': n}}.a.b }}!"`, expression.String, "3!"},
		{`${{ row.count }}`, expression.Integer, 3},
		{`${{ row.count }}`, expression.Number, 3.0},
		{`${{ row.n }}`, expression.String, "7"},
		{`${{ row.none }}`, expression.Integer, nil},
		{`${{ row.yes }}`, expression.Bool, true},
		{`${{ row.missing }}`, expression.String, nil},
		{`[1, "${{ n }}", {a: "${{ s }}", b: [null, true, 1.5]}]`, expression.Any,
			[]any{1, 3, map[string]any{"a": "x", "b": []any{nil, true, 1.5}}}},
		{`2026-11-11T10:00:00+08:00`, expression.Time, when},
		{`2026-11-11`, expression.String, "2026-11-11"},
		{`7d`, expression.Duration, 7 * 24 * time.Hour},
		{`0x1F`, expression.Any, 31},
		{`"0123"`, expression.Any, "0123"},
	} {
		v, problems := compileWith(t, c.source, Field{Type: expression.Type{Kind: c.kind}})
		require.NotNil(t, v, "%s: %s", c.source, problems)
		got, err := v.Eval(data)
		require.NoError(t, err, c.source)
		if at, ok := c.want.(time.Time); ok {
			require.True(t, at.Equal(got.(time.Time)))
			continue
		}
		require.Equal(t, c.want, got, c.source)
	}
}

func TestErrorsOfValuesNameTheirPlaceAndNoValue(t *testing.T) {
	data := map[string]any{"row": map[string]any{"phone": "13800138000", "list": []any{"13800138000"}}, "n": 0}
	for source, want := range map[string]string{
		`"你好 ${{ row.missing }}"`: `v.yaml:1:9: the expression "row.missing" has no value here`,
		"a\n b ${{ row.list }}":   `v.yaml:2:8: the expression "row.list" gave a list`,
		`["x", "👋 ${{ 1 % n }}"]`: `v.yaml:1:`,
	} {
		v, problems := compileWith(t, source, Field{})
		require.NotNil(t, v, problems)
		_, err := v.Eval(data)
		var failed *EvalError
		require.ErrorAs(t, err, &failed, source)
		require.Contains(t, err.Error(), want)
		require.NotContains(t, err.Error(), "13800138000")
	}
	v, problems := compileWith(t, `${{ s + "x" }}`, Field{Type: integer1})
	require.Nil(t, v)
	require.Contains(t, problems, "type-mismatch")
	v, _ = compileWith(t, `${{ row.list }}`, Field{Type: integer1})
	_, err := v.Eval(data)
	require.EqualError(t, err, `v.yaml:1:5: the expression "row.list" gave a list, where a whole number is needed`)
}

func TestScalarsStandForAnObject(t *testing.T) {
	image := Field{Type: expression.Type{Kind: expression.Object}, Scalar: "url", Fields: []Field{
		{Name: "url", Type: text1, Required: true}, {Name: "format", Type: text1},
	}}
	object := map[string]any{"url": "https://x/y.png"}
	for _, source := range []string{"https://x/y.png", "{url: https://x/y.png}", "${{ row.url }}", "${{ row.whole }}", "https://x/${{ row.file }}"} {
		v, problems := compileWith(t, source, image)
		require.NotNil(t, v, problems)
		got, err := v.Eval(map[string]any{"row": map[string]any{"url": "https://x/y.png", "whole": object, "file": "y.png"}})
		require.NoError(t, err)
		require.Equal(t, object, got, source)
	}
	v, _ := compileWith(t, "https://x/y.png", image)
	literal, ok := v.Literal()
	require.True(t, ok)
	require.Equal(t, object, literal)
}

func BenchmarkEval(b *testing.B) {
	v, _ := compileWith(b, `{takeover: "${{ row.handle }}", text: "你好 ${{ row.name }}，券 ${{ s }} 已到账", channel: personal}`, Field{})
	data := map[string]any{"row": map[string]any{"name": "王芳", "handle": 1}, "s": "D11-88"}
	for b.Loop() {
		if _, err := v.Eval(data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLongTextsArePlacedQuickly(t *testing.T) {
	source := "a: " + strings.Repeat("你 ${{ nobody }} ", 3000) + "\n"
	_, problems := Parse("x.yaml", []byte("name: x\nsteps:\n  - uses: log\n    with:\n      message: >\n        "+source), newTestCatalogue())
	require.Len(t, problems, maxProblems+1)
	require.Equal(t, "more", problems[maxProblems].Code)
}
