package expression

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzCompileAndEval: whatever the text, there is no panic, no hang, and every place lies inside the text.
func FuzzCompileAndEval(f *testing.F) {
	for _, source := range hostile() {
		f.Add(source)
	}
	for _, source := range []string{
		`customer.tier in ["gold", "vip"]`, `"你好" + customer.name`, `steps.hold.takeover`, `params["x"]?.y ?? "z"`, `“a”`, "\"\\u00zz\"", "\xff\xfe",
		`map(params.tags, {upper(#)})`, `{a: 1}[customer.tier]`, `let x = 1; x + y`, `1 ..`, `customer.when.Format("x")`, `sortBy(1..3, -#, "desc")`,
		`reduce(params.tags, #acc + #)`, `if params.flag {1} else if success() {2} else {3}`, `a?.[0]`, `::len("x")`, `sum(params.tags, nil)`, `get(params, nil)`,
	} {
		f.Add(source)
	}
	names := values()
	f.Fuzz(func(t *testing.T, source string) {
		length := utf8.RuneCountInString(source)
		inside := func(start, end int) {
			if start < 0 || end < start || end > length {
				t.Fatalf("%q: place %d-%d of %d", source, start, end, length)
			}
		}
		program, err := Compile(source, campaign(), Type{})
		if err != nil {
			var failure *Error
			if !errors.As(err, &failure) || failure.Message == "" || failure.Code == "" {
				t.Fatalf("%q: %#v", source, err)
			}
			inside(failure.Start, failure.End)
			return
		}
		for _, root := range program.Names() {
			for _, r := range program.Members(root) {
				inside(r.Start, r.End)
			}
		}
		if _, err := program.Eval(names); err != nil {
			var failure *EvalError
			if !errors.As(err, &failure) || failure.Message == "" {
				t.Fatalf("%q: %#v", source, err)
			}
			inside(failure.Start, failure.End)
		}
	})
}
