package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// YAML's reader names a line; the place within it is found by looking for what is odd there.
func TestSyntaxErrorsAreAtTheirPlace(t *testing.T) {
	for _, one := range []struct{ source, at, marked, says string }{
		{"name: a: b\n", "1:7", "a: b", `a second ": "`},
		{"name: \"a: b\": c\n", "1:7", `"a: b": c`, `a second ": "`},
		{"steps:\n  - name: 提醒: 明天 # why\n", "2:11", "提醒: 明天 # why", `a second ": "`},
		{"with: { path: ${{ params.a }} }\n", "1:15", "${{ params.a }}", "needs quotes"},
		{"with: { a: \"${{ x }}\", 路径: ${{ {\"a\": 1}.a }} }\n", "1:28", `${{ {"a": 1}.a }}`, "needs quotes"},
		{"list: [${{ a }}, ${{ b }}]\n", "1:8", "${{ a }}", "needs quotes"},
		{"steps:\n  - with: { message: hi\n  - uses: log\n", "2:11", "{", "not closed"},
		{"a: [1, {b: 2]\nc: 3\n", "1:8", "{", "not closed"},
		{"a: [x, \"b\" c]\n", "1:8", `"b" c]`, "comma is missing"},
		{"steps:\n  - approve: { text: 可以发吗?, for: 4h }\n", "2:22", "可以发吗?", `a value with "?" in it needs quotes: write "可以发吗?"`},
		{"- { as: x, where: x.tier in [\"gold\", \"vip\"] }\n", "1:19", `x.tier in ["gold", "vip"]`, `needs quotes: write 'x.tier in ["gold", "vip"]'`},
		{"a: { if: b == {\"c\": 1}, d: e }\n", "1:10", `b == {"c": 1}`, `a value with "{" in it`},
		{"a: { text: 提醒: 明天 }\n", "1:12", "提醒: 明天", `a value with ":" in it`},
		{"a: { url: https://a.b/?c=d,\n  e: f }\n", "1:11", "https://a.b/?c=d", `write "https://a.b/?c=d"`},
		{"a: { b: c,\n  d: e? }\n", "2:6", "e?", `write "e?"`},
		{"a: {b: {c: d}, e: f?}\n", "1:19", "f?", `write "f?"`},
		{"a: [b, " + strings.Repeat("很长", 40) + "?]\n", "1:8", strings.Repeat("很长", 40) + "?", `write "…" around it`},
		{"steps:\n  - uses: log\n     with:\n       message: hi\n", "3:6", "with:", `"uses" on line 2 has a value already, so nothing can stand further in below it: begin this line in column 5`},
		{"steps:\n  - with:\n      text: hi\n\n        more: x\n", "5:9", "more: x", `"text" on line 3 has a value already`},
		{"name: \"x\" \n steps: []\n", "2:2", "steps: []", `begin this line in column 1`},
		{"name:\n  x\n  y\n    steps: []\n", "4:5", "steps: []", `the indentation of this line is wrong`},
		{"name: \"x\nsteps: []\n", "1:7", `"x`, "never closed"},
		{"name: 'it''s\nsteps: []\n", "1:7", "'it''s", "never closed"},
		{"name: \"a\" b\n", "1:7", `"a" b`, "behind the closing quote"},
		{"steps:\n  - name: \"VIP\" 客户\n", "2:11", `"VIP" 客户`, "behind the closing quote"},
		{"a: \"x\nb: \"y\"\n", "1:4", `"x`, "ends on line 2"},
		{"to: @all\n", "1:5", "@all", "cannot begin"},
		{"to: `x`\n", "1:5", "`x`", "cannot begin"},
		{"# don't\nname: it's \"fine\" here\nnote: |\n  \"open { [ it's\nto: @all\n", "5:5", "@all", "cannot begin"},
		{"- text: >-\n    \"open\n  to: @all\n", "3:7", "@all", "cannot begin"},
		{"url: https://a.b/c?d=[1]\nto: %x\n", "2:5", "%x", "cannot begin"},
	} {
		_, problems := Parse("a.yaml", []byte(one.source), newTestCatalogue())
		require.Len(t, problems, 1, one.source)
		require.Equal(t, "yaml-syntax", problems[0].Code, one.source)
		shown := show(problems, one.source)
		require.True(t, strings.HasPrefix(shown, one.at+"-"), "%s\n%s", one.source, shown)
		require.Contains(t, shown, "<<"+one.marked+">>", one.source)
		require.Contains(t, shown, one.says, one.source)
	}
}

// Whoever loses a quote, a bracket or a space in a real file is mostly sent to the very line.
func TestLostCharactersAreFoundOnTheirLine(t *testing.T) {
	files, err := filepath.Glob("testdata/ok/*.yaml")
	require.NoError(t, err)
	lost, found := 0, 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		line := 1
		for i, c := range string(source) {
			if c == '\n' {
				line++
			}
			if !strings.ContainsRune(`"'[]{}`, c) {
				continue
			}
			without := append(append([]byte{}, source[:i]...), source[i+1:]...)
			_, problems := Parse("a.yaml", without, newTestCatalogue())
			requireInside(t, problems, without)
			if len(problems) == 0 || problems[0].Code != "yaml-syntax" {
				continue // still YAML, and told otherwise
			}
			lost++
			if problems[0].Line == line {
				found++
			}
		}
	}
	t.Logf("%d of %d", found, lost)
	require.Greater(t, lost, 50)
	require.Greater(t, found*100, lost*80)
}
