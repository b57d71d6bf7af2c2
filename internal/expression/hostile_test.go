package expression

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile expressions are small and would run for hours, or fill the memory, were they not metered.
func hostile() map[string]string {
	doubling := func(first, step, last string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "let a0 = %s; ", first)
		for i := 1; i < 60; i++ {
			fmt.Fprintf(&b, "let a%d = %s; ", i, strings.ReplaceAll(step, "$", fmt.Sprintf("a%d", i-1)))
		}
		return b.String() + strings.ReplaceAll(last, "$", "a59")
	}
	return map[string]string{
		"nested all":          `let r = 1..1000; all(r, all(r, all(r, all(r, true))))`,
		"nested count":        `let r = 1..1000; count(r, count(r, count(r, true) > 0) > 0) > 0`,
		"nested none":         `let r = 1..1000; none(r, none(r, any(r, false)))`,
		"nested find":         `let r = 1..1000; find(r, find(r, findLast(r, false) != nil) != nil)`,
		"nested map":          `let r = 1..1000; map(r, map(r, map(r, #)))`,
		"nested sum":          `let r = 1..1000; sum(r, sum(r, sum(r, #)))`,
		"nested reduce":       `let r = 1..1000; reduce(r, reduce(r, reduce(r, #acc + #)))`,
		"nested groupBy":      `let r = 1..1000; map(r, groupBy(r, #))`,
		"nested sortBy":       `let r = 1..1000; map(r, sortBy(r, -#))`,
		"many short loops":    `let r = 1..400000; all(r, all([1], true))`,
		"empty loops":         `let r = 1..400000; all(r, none([], true))`,
		"sum without formula": `let r = 1..400000; all(r, sum(r) > 0)`,
		"len of a long text":  `let s = repeat("x", 1000000); all(1..400000, len(s) > 0)`,
		"a list in a list":    `let r = 1..100000; all(r, # in r)`,
		"long list in":        `let r = 1..100000; all(r, -1 not in r)`,
		"equal lists":         `let r = 1..100000; let s = 1..100000; all(r, r == s)`,
		"equal texts":         `let s = repeat("x", 100000); let t = repeat("x", 100000); all(1..400000, s == t)`,
		"ordered texts":       `let s = repeat("x", 100000); let t = repeat("x", 100000); all(1..400000, s <= t)`,
		"contains":            `let s = repeat("a", 100000); let t = repeat("a", 5000) + "b"; all(1..400000, not (s contains t))`,
		"pattern":             `let s = repeat("a", 100000); all(1..400000, s matches "(a?){500}(a+)+b")`,
		"computed pattern":    `none(1..400000, "aaaa" matches "(((a?){10}){10}){9}" + string(#))`,
		"doubled text":        doubling(`"xxxxxxxxxxxxxxxx"`, `$ + $`, `$`),
		"doubled by reduce":   `reduce(1..400, #acc + #acc, "x")`,
		"doubled by replace":  doubling(`"xx"`, `replace($, "x", "xx")`, `$`),
		"doubled by join":     doubling(`"x"`, `join([$, $], $)`, `$`),
		"doubled by concat":   doubling(`[1]`, `concat($, $)`, `$`),
		"doubled list text":   doubling(`[1]`, `[$, $]`, `string($)`),
		"doubled list JSON":   doubling(`[1]`, `[$, $]`, `toJSON($)`),
		"doubled list flat":   doubling(`[1]`, `[$, $]`, `flatten($)`),
		"doubled list max":    doubling(`[1]`, `[$, $]`, `max($)`),
		"doubled list equal":  doubling(`[1]`, `[$, $]`, `$ == [$[0], $[1]]`),
		"doubled list":        doubling(`[1]`, `[$, $]`, `$`),
		"doubled object":      doubling(`{x: 1}`, `{a: $, b: $}`, `$`),
		"doubled base64":      doubling(`"x"`, `toBase64($ + $)`, `$`),
		"repeat":              `repeat(repeat("xxxxxxxx", 100000), 1000000)`,
		"long range":          `1..9000000000000000000`,
		"overflowing range":   `-9223372036854775807..9223372036854775807`,
		"uniq":                `uniq(1..400000)`,
		"sort":                `let r = 1..10000; all(r, sort(r)[0] == 1)`,
		"time zones":          `all(1..400000, timezone("Asia/Shanghai") != nil)`,
		"dates":               `all(1..400000, date("2026-01-01") != nil)`,
		"digests":             `let s = repeat("x", 1000000); all(1..400000, digest(s) != "")`,
		"samples":             `let s = repeat("x", 1000000); all(1..400000, sample(s, 100))`,
		"slices of text":      `let s = repeat("x", 1000000); all(1..400000, s[1:2] == "x")`,
		"splits":              `let s = repeat("x", 1000000); all(1..400000, split(s, "")[0] == "x")`,
		"upper":               `let s = repeat("x", 1000000); all(1..400000, upper(s) != "")`,
		"formats":             `let s = repeat("2006", 100000); all(1..400000, now().Format(s) != "")`,
		"deep by reduce":      `reduce(1..100000, [#acc], [])`,
		"deep text":           `string(reduce(1..100000, [#acc], []))`,
		"deep equal":          `reduce(1..100000, [#acc], []) == reduce(1..100000, [#acc], [])`,
		"deep JSON":           `fromJSON(repeat("[", 9000) + repeat("]", 9000))`,
		"keys":                `let o = fromJSON("{" + join(map(1..5000, "\"k" + string(#) + "\":1"), ",") + "}"); all(1..400000, len(keys(o)) > 0)`,
		"medians":             `let r = 1..1000; all(1..400000, median(r) > 0)`,
		"pairs":               `let r = map(1..1000, [string(#), 1]); all(1..400000, len(fromPairs(r)) > 0)`,
		"reversals":           `let r = 1..1000; all(1..400000, len(reverse(r)) > 0)`,
		"long shifts":         `1 / bitshl(1, 100000000000)`,
		"indexes":             `let s = repeat("a", 100000); all(1..400000, indexOf(s, repeat("a", 1000) + "b") < 0)`,
	}
}

func TestHostileExpressionsEnd(t *testing.T) {
	names := map[string]any{"now": func() time.Time { return time.Time{} }}
	for name, source := range hostile() {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(source, nil, Type{})
			require.NoError(t, err)
			started := time.Now()
			_, err = program.Eval(names)
			t.Logf("%v: %v", time.Since(started).Round(time.Millisecond), err)
			var failure *EvalError
			require.ErrorAs(t, err, &failure)
			require.Contains(t, []string{
				errTooLong.Error(), errTooDeep.Error(), "the expression makes too long a list", "a division by zero",
				"a pattern may have at most 1000 characters",
			}, failure.Message)
		})
	}
}

// The text alone must not keep the compiler busy either.
func TestHostileTextsAreRefused(t *testing.T) {
	nest := func(open, middle, shut string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	for name, source := range map[string]string{
		"long":             strings.Repeat(" ", maxSource) + "1",
		"many parts":       "1" + strings.Repeat("+1", maxNodes),
		"shared middle":    nest("(0 < ", "1", " < 2)", 60),
		"shared condition": nest("(", "true", " ?: false)", 60),
		"deep list":        nest("[", "", "]", maxNodes+1),
		"deep predicates":  nest("map([1], ", "1", ")", maxNodes/2),
	} {
		_, err := Compile(source, nil, Type{})
		var failure *Error
		require.ErrorAs(t, err, &failure, name)
		require.Equal(t, CodeTooLarge, failure.Code, name)
	}
	for name, source := range map[string]string{
		"open parentheses": strings.Repeat("(", maxSource),
		"open brackets":    strings.Repeat("[", maxSource),
		"minus signs":      strings.Repeat("-", maxSource),
		"dots":             "a" + strings.Repeat(".", maxSource-1),
		"large pattern":    `"x" matches "` + strings.Repeat("(x{1000})", 200) + `"`,
		"larger pattern":   `"x" matches "((x{100}){100}){100}"`,
	} {
		_, err := Compile(source, nil, Type{})
		var failure *Error
		require.ErrorAs(t, err, &failure, name)
	}
}

// What fits the bounds must work: the bounds are for the hostile, not for the large.
func TestLargeButHonestExpressions(t *testing.T) {
	var list strings.Builder
	for i := range 1_500 {
		fmt.Fprintf(&list, "%q, ", fmt.Sprintf("vip-%d", i))
	}
	program, err := Compile(`customer.id in [`+list.String()+`"last"]`, Scope{"customer": {Kind: Object, Open: true}}, Type{Kind: Bool})
	require.NoError(t, err)
	got, err := program.Eval(map[string]any{"customer": map[string]any{"id": "last"}})
	require.NoError(t, err)
	require.Equal(t, true, got)

	program, err = Compile("1"+strings.Repeat("+1", 2_000), nil, Type{Kind: Integer})
	require.NoError(t, err)
	got, err = program.Eval(nil)
	require.NoError(t, err)
	require.Equal(t, 2_001, got)

	rows := make([]any, 50_000)
	for i := range rows {
		rows[i] = map[string]any{"tier": "vip", "n": i}
	}
	program, err = Compile(`len(filter(rows, .tier == "vip" and .n % 2 == 0))`, Scope{"rows": {Kind: List}}, Type{Kind: Integer})
	require.NoError(t, err)
	got, err = program.Eval(map[string]any{"rows": rows})
	require.NoError(t, err)
	require.Equal(t, 25_000, got)
}
