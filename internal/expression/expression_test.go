package expression

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// campaign is a scope as a workflow has it.
func campaign() Scope {
	takeover := Type{Kind: Opaque, Name: "takeover"}
	text := Type{Kind: String}
	return Scope{
		"customer": {Kind: Object, Open: true, Fields: map[string]Type{"account": text}},
		"params": {Kind: Object, Fields: map[string]Type{
			"coupon": text, "count": {Kind: Integer}, "share": {Kind: Number}, "flag": {Kind: Bool},
			"when": {Kind: Time}, "pause": {Kind: Duration}, "tags": {Kind: List, Element: &text},
		}},
		"steps": {Kind: Object, Fields: map[string]Type{
			"hold": {Kind: Object, Fields: map[string]Type{"takeover": takeover, "succeeded": {Kind: Bool}}},
			"vips": {Kind: Object, Fields: map[string]Type{"rows": {Kind: Opaque, Name: "rows"}}},
		}},
		"event": {Kind: Object, Open: true},
	}
}

type handle struct{ Secret string }

func (h *handle) Leak() string { return h.Secret }

func values() map[string]any {
	return map[string]any{
		"customer": map[string]any{
			"account": "wx1", "name": "张三🎉", "tier": "gold", "age": int64(41), "score": 2.5, "whole": 3.0,
			"tags": []any{"a", "b"}, "active": true, "nested": map[string]any{"list": []any{1, 2.0, "x"}}, "handle": &handle{"s3cret"},
		},
		"params": map[string]any{
			"coupon": "D11-88", "count": int64(3), "share": 0.5, "flag": true, "tags": []any{"x", "y"},
			"when": time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC), "pause": 90 * time.Second,
		},
		"steps":     map[string]any{"hold": map[string]any{"takeover": &handle{"s3cret"}, "succeeded": true}},
		"success":   func() bool { return true },
		"failure":   func() bool { return false },
		"cancelled": func() bool { return false },
		"always":    func() bool { return true },
		"now":       func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
}

func eval(t *testing.T, source string, want Type) (any, error) {
	t.Helper()
	program, err := Compile(source, campaign(), want)
	require.NoError(t, err, source)
	require.Equal(t, source, program.Source())
	return program.Eval(values())
}

func TestEval(t *testing.T) {
	for source, want := range map[string]any{
		`customer.tier in ["gold", "vip"]`:                 true,
		`customer.tier not in ["gold"]`:                    false,
		`customer.age in [40, 41]`:                         true,
		`customer.age == 41.0`:                             true,
		`customer.whole == 3`:                              true,
		`customer.missing`:                                 nil,
		`customer.missing == nil`:                          true,
		`customer.missing ?? "none"`:                       "none",
		`customer.missing in ["gold"]`:                     false,
		`customer.missing contains "x"`:                    false,
		`customer["tier"]`:                                 "gold",
		`customer?.missing?.deeper`:                        nil,
		`customer.missing?.deeper.still`:                   nil,
		`customer.missing?.deeper.still ?? "x"`:            "x",
		`customer.missing?.when.Year()`:                    nil,
		`"你好，" + customer.name`:                            "你好，张三🎉",
		`len(customer.name)`:                               3,
		`customer.name[:2]`:                                "张三",
		`customer.name[-1:]`:                               "🎉",
		`indexOf(customer.name, "🎉")`:                      2,
		`customer.nested.list[1] == 2`:                     true,
		`customer.nested.list == [1, 2, "x"]`:              true,
		`customer.tags[1:]`:                                []any{"b"},
		`params.coupon startsWith "D11"`:                   true,
		`params.coupon matches "^D11-[0-9]+$"`:             true,
		`params.count == 3 && params.flag`:                 true,
		`params.count + 1`:                                 4,
		`params.count / 2`:                                 1.5,
		`params.count % 2`:                                 1,
		`0 < params.count < 5`:                             true,
		`-params.count`:                                    -3,
		`2 ** 3`:                                           8.0,
		`params.flag ? "y" : "n"`:                          "y",
		`not params.flag`:                                  false,
		`params.when + params.pause`:                       time.Date(2026, 11, 11, 10, 1, 30, 0, time.UTC),
		`params.when - duration("1h")`:                     time.Date(2026, 11, 11, 9, 0, 0, 0, time.UTC),
		`params.when > now()`:                              true,
		`params.when - params.when`:                        time.Duration(0),
		`params.pause * 2`:                                 3 * time.Minute,
		`params.when.Month() == 11`:                        true,
		`params.when.Format("2006-01-02")`:                 "2026-11-11",
		`params.when.In(timezone("Asia/Shanghai")).Hour()`: 18,
		`date("2026-11-11") < params.when`:                 true,
		`success() && !failure() && always()`:              true,
		`steps.hold.takeover != nil`:                       true,
		`filter(1..5, # > 3)`:                              []any{4, 5},
		`map(customer.tags, upper(#))`:                     []any{"A", "B"},
		`all(customer.tags, len(#) == 1)`:                  true,
		`one(customer.tags, # == "a")`:                     true,
		`none(customer.tags, # == "z")`:                    true,
		`find(1..9, # * # > 10)`:                           4,
		`[findLast(1..9, # < 4), 1] == [3, 1]`:             true,
		`findLast(1..9, # > 9) == nil`:                     true,
		`findLastIndex(1..9, # < 4) + 1`:                   3,
		`findLastIndex(1..9, # > 9)`:                       nil,
		`findLast(1..9, # < 4)`:                            3,
		`findIndex(customer.tags, # == "b")`:               1,
		`count(1..9, # % 2 == 0)`:                          4,
		`count([true, false, true])`:                       2,
		`sum([1, 2.5])`:                                    3.5,
		`sum(1..3, # * 2)`:                                 12,
		`reduce(1..4, #acc * #, 1)`:                        24,
		`groupBy(1..4, # % 2)[1]`:                          []any{1, 3},
		`groupBy(["aa", "b"], len(#))`:                     map[string]any{"1": []any{"b"}, "2": []any{"aa"}},
		`sortBy([{n: 2}, {n: 1}], .n)[0].n`:                1,
		`sortBy(["b", "a"], #, "desc")`:                    []any{"b", "a"},
		`uniq([1, 1.0, "1"])`:                              []any{1, "1"},
		`keys({b: 1, a: 2})`:                               []any{"a", "b"},
		`values({b: 1, a: 2})`:                             []any{2, 1},
		`toPairs({a: 1})`:                                  []any{[]any{"a", 1}},
		`split("a,b", ",")`:                                []any{"a", "b"},
		`join(customer.tags, "/")`:                         "a/b",
		`replace("aXa", "a", "b")`:                         "bXb",
		`repeat("ab", 2)`:                                  "abab",
		`get(customer, "nope")`:                            nil,
		`get([1], 5)`:                                      nil,
		`string(1e6)`:                                      "1000000",
		`string(nil)`:                                      "",
		`string([1, {a: "é<"}])`:                           `[1,{"a":"é\u003c"}]`,
		`string(params.when)`:                              "2026-11-11T10:00:00Z",
		`type(params.pause)`:                               "duration",
		`let x = params.count; x * x`:                      9,
		`customer.tier | upper()`:                          "GOLD",
		`{"a": 1, b: [customer.tier]}`:                     map[string]any{"a": 1, "b": []any{"gold"}},
		`"tier" in customer`:                               true,
		`digest("youmi")`:                                  "15699811292a188e",
		`1..0`:                                             []any{},
		`if params.flag { "a" } else { "b" }`:              "a",
		`fromJSON("[1]")[0]`:                               1.0,
		`customer.handle == nil`:                           false,
		`max(1, 2.5)`:                                      2.5,
	} {
		got, err := eval(t, source, Type{})
		require.NoError(t, err, source)
		require.Equal(t, want, got, source)
	}
}

func TestEvalPassesOpaqueValuesOn(t *testing.T) {
	got, err := eval(t, `steps.hold.takeover`, Type{Kind: Opaque, Name: "takeover"})
	require.NoError(t, err)
	require.Equal(t, &handle{"s3cret"}, got)
}

func TestEvalErrors(t *testing.T) {
	for source, want := range map[string]struct{ message, place string }{
		`customer.missing + "x"`:                    {"these cannot be added: the left side is empty", `customer.missing + "x"`},
		`"x" + customer.missing`:                    {"these cannot be added: the right side is empty", `"x" + customer.missing`},
		`true && (customer.missing > 3)`:            {"these cannot be compared: the left side is empty", `customer.missing > 3`},
		`customer.tier > 3`:                         {"a string and a whole number cannot be compared", `customer.tier > 3`},
		`customer.tier + 3`:                         {"a string and a whole number cannot be added; write string(…) around the number", `customer.tier + 3`},
		`customer.missing.deeper`:                   {`what stands before "deeper" is empty`, `deeper`},
		`"张三" + customer.missing.deeper`:            {`what stands before "deeper" is empty`, `deeper`},
		`customer.tier.deeper`:                      {`a string has no field "deeper"`, `deeper`},
		`!customer.tier`:                            {"a yes/no value is wanted, this is a string", `customer.tier`},
		`customer.missing ? 1 : 2`:                  {"a yes/no value is wanted, this is empty", `customer.missing`},
		`filter(customer.tier, true)`:               {"filter() takes a list, this is a string", `customer.tier`},
		`filter(customer.tags, #)`:                  {"a yes/no value is wanted, this is a string", `#`},
		`[1, 2][5]`:                                 {"the list has no element 5; it has 2, counted from 0", `5`},
		`1 / (params.count - 3)`:                    {"a division by zero", `1 / (params.count - 3`},
		`1 % (params.count - 3)`:                    {"a division by zero", `1 % (params.count - 3`},
		`params.count * 9223372036854775807`:        {"the number is too large", `params.count * 9223372036854775807`},
		`upper(customer.age)`:                       {"upper() cannot work with this: a whole number", `upper`},
		`upper(customer.missing)`:                   {"upper() got an empty value", `upper`},
		`date(customer.tier)`:                       {"date() cannot read this; write a date like 2026-11-11 or 2026-11-11 10:00:00", `date`},
		`timezone("Local")`:                         {"the time zone Local differs from machine to machine; name one, such as Asia/Shanghai", `timezone`},
		`string(customer.handle)`:                   {"this can only be passed on; it has no text", `string`},
		`toJSON([customer.handle])`:                 {"toJSON() takes data; this holds a value that can only be passed on", `toJSON`},
		`customer.handle.Secret`:                    {`a value that can only be passed on has no field "Secret"`, `Secret`},
		`customer.handle == customer.handle`:        {"this can only be passed on or compared with nil", `customer.handle == customer.handle`},
		`customer.tier.Year()`:                      {"Year() can be called on a time, this is a string", `Year`},
		`customer.tier matches customer.name + "("`: {"this is not a pattern that can be read (a regular expression)", `customer.tier matches customer.name + "("`},
		`sortBy([1, "a", nil], #)`:                  {"this cannot be computed: a value is empty, or of another kind than is wanted here", `sortBy`},
		`reduce([], #acc)`:                          {"reduce() got an empty list and no value to start with", `reduce`},
		`sum(["a"])`:                                {"sum() takes a list of numbers, element 0 is a string", `sum`},
		`{(customer.missing): 1}`:                   {"the name of a field is wanted, this is empty", `customer.missing`},
	} {
		_, err := eval(t, source, Type{})
		var failure *EvalError
		require.ErrorAs(t, err, &failure, source)
		assert.Equal(t, want.message, failure.Message, source)
		assert.Equal(t, want.place, string([]rune(source)[failure.Start:failure.End]), source)
	}
}

// Secrets may stand in any name, so a message may name kinds and what the text of the expression shows, never a value.
func TestErrorsNeverQuoteValues(t *testing.T) {
	const secret = "hunter2hunter2"
	scope := Scope{"secrets": {Kind: Object, Open: true}}
	names := map[string]any{"secrets": map[string]any{"key": secret, "list": []any{secret}}}
	for _, source := range []string{
		`date(secrets.key)`, `int(secrets.key)`, `duration(secrets.key)`, `timezone(secrets.key)`, `fromJSON(secrets.key)`,
		`fromBase64(secrets.key)`, `secrets.key > 1`, `secrets.key + 1`, `secrets[secrets.key].x`, `secrets.key[secrets.key]`, `sum(secrets.list)`, `secrets.key.x`,
		`"a" matches secrets.key + "("`, `sort([1], secrets.key)`, `sortBy([1], #, secrets.key)`, `secrets.key ? 1 : 2`, `-secrets.key`, `1..secrets.key`,
	} {
		program, err := Compile(source, scope, Type{})
		require.NoError(t, err, source)
		_, err = program.Eval(names)
		require.Error(t, err, source)
		require.NotContains(t, err.Error(), secret, source)
	}
}

func TestEvalKeepsTheWantedType(t *testing.T) {
	got, err := eval(t, `customer.whole`, Type{Kind: Integer})
	require.NoError(t, err)
	require.Equal(t, 3, got)

	got, err = eval(t, `customer.missing`, Type{Kind: String})
	require.NoError(t, err)
	require.Nil(t, got)

	for source, want := range map[string]struct {
		kind    Kind
		message string
	}{
		`customer.tier`:    {Bool, "a yes/no value is wanted, this is a string"},
		`customer.missing`: {Bool, "a yes/no value is wanted, this is empty"},
		`customer.score`:   {Integer, "a whole number is wanted, this is a number"},
		`customer.age`:     {String, "a string is wanted, this is a whole number"},
		`customer.tags`:    {Object, "an object is wanted, this is a list"},
	} {
		_, err := eval(t, source, Type{Kind: want.kind})
		require.EqualError(t, err, want.message, source)
	}
}

func TestEvalWithoutNames(t *testing.T) {
	program, err := Compile(`success()`, nil, Type{Kind: Bool})
	require.NoError(t, err)
	_, err = program.Eval(nil)
	require.EqualError(t, err, "success() cannot be used here")

	program, err = Compile(`event == nil`, campaign(), Type{Kind: Bool})
	require.NoError(t, err)
	got, err := program.Eval(nil)
	require.NoError(t, err)
	require.Equal(t, true, got)
}

// What one evaluation saw must not show in the next, which uses the same machine.
func TestEvalForgets(t *testing.T) {
	program, err := Compile(`customer.tier`, campaign(), Type{})
	require.NoError(t, err)
	for range 3 {
		got, err := program.Eval(values())
		require.NoError(t, err)
		require.Equal(t, "gold", got)
		_, err = program.Eval(nil)
		require.EqualError(t, err, `what stands before "tier" is empty`)
	}
}

func TestEvalConcurrently(t *testing.T) {
	program, err := Compile(`sum(filter(1..n, # % 2 == 0)) + len(name)`, Scope{"n": {Kind: Integer}, "name": {Kind: String}}, Type{})
	require.NoError(t, err)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 200 {
				n := worker*200 + i
				got, err := program.Eval(map[string]any{"n": n, "name": strings.Repeat("x", worker)})
				if err != nil || got != (n/2)*(n/2+1)+worker {
					t.Errorf("n=%d: %v, %v", n, got, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestEvalDoesNotChangeItsNames(t *testing.T) {
	names := values()
	for _, source := range []string{`sort(customer.tags, "desc")`, `reverse(customer.tags)`, `concat(customer.tags, ["c"])`, `uniq(customer.tags)`, `sortBy(customer.tags, #, "desc")`} {
		program, err := Compile(source, campaign(), Type{})
		require.NoError(t, err)
		_, err = program.Eval(names)
		require.NoError(t, err, source)
		require.Equal(t, []any{"a", "b"}, names["customer"].(map[string]any)["tags"], source)
	}
}

func TestSampleIsStableAndFair(t *testing.T) {
	program, err := Compile(`sample(key, percent)`, Scope{"key": {}, "percent": {Kind: Number}}, Type{Kind: Bool})
	require.NoError(t, err)
	in := func(key any, percent float64) bool {
		got, err := program.Eval(map[string]any{"key": key, "percent": percent})
		require.NoError(t, err)
		return got.(bool)
	}
	chosen := 0
	for key := range 2_000 {
		if in(key, 20) {
			chosen++
		}
	}
	require.InDelta(t, 400, chosen, 80)
	rapid.Check(t, func(r *rapid.T) {
		key, less, more := rapid.String().Draw(r, "key"), rapid.Float64Range(0, 100).Draw(r, "less"), rapid.Float64Range(0, 100).Draw(r, "more")
		if less > more {
			less, more = more, less
		}
		if in(key, less) && !in(key, more) {
			r.Fatalf("%q is among %g percent and not among %g", key, less, more)
		}
		if in(key, 0) || !in(key, 100) {
			r.Fatalf("%q is in nothing, or not in everything", key)
		}
	})
}

func TestText(t *testing.T) {
	for want, value := range map[string]any{
		"gold": "gold", "3": 3, "1234567": 1234567.0, "0.1": 0.1, "true": true, "1m30s": 90 * time.Second,
		`["a",1]`: []any{"a", 1}, "-7": int64(-7), "2026-11-11T10:00:00+08:00": time.Date(2026, 11, 11, 10, 0, 0, 0, time.FixedZone("", 8*3600)),
	} {
		got, err := Text(value)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Text(nil)
	require.EqualError(t, err, "the value is empty")
	_, err = Text([]any{&handle{"s3cret"}})
	require.EqualError(t, err, "this has no text: it holds a value that can only be passed on")
}

func TestProgramTellsWhatItUses(t *testing.T) {
	program, err := Compile(`success() && len(params.tags) > 0 && now() > params.when && sample(customer.account, 5)`, campaign(), Type{Kind: Bool})
	require.NoError(t, err)
	require.Equal(t, []string{"customer", "now", "params", "success"}, program.Names())
	for name, called := range map[string]bool{"success": true, "now": true, "sample": true, "len": true, "failure": false, "params": false} {
		require.Equal(t, called, program.Calls(name), name)
	}
	require.True(t, IsFunction("now"))
	require.True(t, IsFunction("filter"))
	require.False(t, IsFunction("customer"))
}

func TestMembers(t *testing.T) {
	source := `"张三" == steps.hold.x ? steps["vips"] : steps?.reach ?? get(steps, "other") ?? steps[params.coupon]`
	scope := Scope{"steps": {Kind: Object, Open: true}, "params": {Kind: Object, Open: true}}
	program, err := Compile(source, scope, Type{})
	require.NoError(t, err)
	var names []string
	for _, r := range program.Members("steps") {
		names = append(names, r.Name)
		place := string([]rune(source)[r.Start:r.End])
		if r.Name == "" {
			require.Equal(t, "steps", place)
		} else {
			require.Equal(t, r.Name, place)
		}
	}
	require.Equal(t, []string{"hold", "vips", "reach", "other", ""}, names)
	require.Empty(t, program.Members("customer"))
}

func TestType(t *testing.T) {
	text := Type{Kind: String}
	for source, want := range map[string]Type{
		`customer.tier`:           {},
		`customer.account`:        text,
		`params.count`:            {Kind: Integer},
		`params.share`:            {Kind: Number},
		`params.tags`:             {Kind: List, Element: &text},
		`params.tags[0]`:          text,
		`params.when`:             {Kind: Time},
		`params.pause`:            {Kind: Duration},
		`steps.hold.takeover`:     {Kind: Opaque, Name: "takeover"},
		`steps.vips.rows`:         {Kind: Opaque, Name: "rows"},
		`steps.hold`:              {Kind: Object, Fields: map[string]Type{"takeover": {Kind: Opaque, Name: "takeover"}, "succeeded": {Kind: Bool}}},
		`customer`:                {Kind: Object, Open: true, Fields: map[string]Type{"account": text}},
		`{a: 1, b: params.when}`:  {Kind: Object, Fields: map[string]Type{"a": {Kind: Integer}, "b": {Kind: Time}}},
		`{(customer.account): 1}`: {Kind: Object, Open: true, Fields: map[string]Type{}},
		`success()`:               {Kind: Bool},
		`now()`:                   {Kind: Time},
		`now().Month()`:           {Kind: Integer},
		`params.when - now()`:     {Kind: Duration},
		`nil`:                     {},
	} {
		program, err := Compile(source, campaign(), Type{})
		require.NoError(t, err, source)
		require.Equal(t, want, program.Type(), source)
	}
}

func TestCompileErrors(t *testing.T) {
	takeover := Type{Kind: Opaque, Name: "takeover"}
	for _, c := range []struct {
		source        string
		want          Type
		code, message string
		place         string
	}{
		{`custmer.tier == 1`, Type{}, CodeUnknownName, `unknown name "custmer" in expression`, `custmer`},
		{`"优惠🎉" == custmer.tier`, Type{}, CodeUnknownName, `unknown name "custmer" in expression`, `custmer`},
		{`params.cupon`, Type{}, CodeUnknownField, `unknown field "cupon"`, `cupon`},
		{`"优惠" + params["cupon"]`, Type{}, CodeUnknownField, `unknown field "cupon"`, `cupon`},
		{`steps.hold.takover`, Type{}, CodeUnknownField, `unknown field "takover"`, `takover`},
		{`sucess()`, Type{}, CodeUnknownFunction, `there is no function "sucess"`, `sucess`},
		{`customer(1)`, Type{}, CodeUnknownFunction, `"customer" is not a function`, `customer`},
		{`params.when.Local()`, Type{}, CodeUnknownFunction, `there is no function "Local" to call with a dot; functions are written name(value)`, `Local`},
		{`customer.handle.Leak()`, Type{}, CodeUnknownFunction, `there is no function "Leak" to call with a dot; functions are written name(value)`, `Leak`},
		{`$env`, Type{}, CodeUnknownName, `unknown name "$env" in expression`, `$env`},
		{`success`, Type{Kind: Bool}, CodeTypeMismatch, `this is a function; write () behind it`, `success`},
		{`len > 3`, Type{Kind: Bool}, CodeTypeMismatch, `this is a function; write () behind it`, `len`},
		{` params.coupon `, Type{Kind: Bool}, CodeTypeMismatch, `a yes/no value is wanted, this is a string`, `params.coupon`},
		{`params.count`, Type{Kind: String}, CodeTypeMismatch, `a string is wanted, this is a whole number; write string(…) around it`, `params.count`},
		{`params.share`, Type{Kind: Integer}, CodeTypeMismatch, `a whole number is wanted, this is a number; write int(…) around it`, `params.share`},
		{`steps.vips.rows`, takeover, CodeTypeMismatch, `a takeover is wanted, this is rows`, `steps.vips.rows`},
		{`{a: 1}`, Type{Kind: Object, Fields: map[string]Type{"b": {}}}, CodeTypeMismatch, `this object does not have the fields that are wanted: b`, `{a: 1}`},
		{`params.tags`, Type{Kind: List, Element: &takeover}, CodeTypeMismatch, `a list is wanted of which each is a takeover, here each is a string`, `params.tags`},
		{`params.coupon + params.count`, Type{}, CodeTypeMismatch, `a string and a whole number cannot be added; write string(…) around what is no string`, `params.coupon + params.count`},
		{`params.coupon > params.count`, Type{}, CodeTypeMismatch, `a string and a whole number cannot be compared`, `params.coupon > params.count`},
		{`params.coupon && params.flag`, Type{}, CodeTypeMismatch, `a yes/no value is wanted beside "&&", this is a string`, `params.coupon`},
		{`!params.coupon`, Type{}, CodeTypeMismatch, `"!" takes a yes/no value, this is a string`, `params.coupon`},
		{`-params.coupon`, Type{}, CodeTypeMismatch, `"-" takes a number, this is a string`, `params.coupon`},
		{`params.coupon ? 1 : 2`, Type{}, CodeTypeMismatch, `a yes/no value is wanted before ?, this is a string`, `params.coupon`},
		{`params.coupon.x`, Type{}, CodeTypeMismatch, `this has no fields: it is a string`, `x`},
		{`params.tags.x`, Type{}, CodeTypeMismatch, `an element of a list is chosen by its number, as in list[0]; this is a string`, `x`},
		{`params.count[1:2]`, Type{}, CodeTypeMismatch, `only lists and strings can be cut with [from:to], this is a whole number`, `params.count[1:2`},
		{`"x" in params.coupon`, Type{}, CodeTypeMismatch, "`in` looks into a list; write contains to look into a string", `"x" in params.coupon`},
		{`1 in params.tags`, Type{}, CodeTypeMismatch, `a whole number cannot be in this: it is a list of which each is a string`, `1 in params.tags`},
		{`params.coupon matches "("`, Type{}, CodeSyntax, `this is not a pattern that can be read (a regular expression)`, `"("`},
		{`params.coupon matches 3`, Type{}, CodeTypeMismatch, `matches takes two strings; these are a string and a whole number`, `params.coupon matches 3`},
		{`upper(params.count)`, Type{}, CodeTypeMismatch, `upper() cannot take a whole number here`, `params.count`},
		{`len(params.count)`, Type{}, CodeTypeMismatch, `len() cannot take this: a whole number`, `len`},
		{`sample(1)`, Type{}, CodeTypeMismatch, `sample() got the wrong number of values: 1`, `sample`},
		{`digest("a", "b")`, Type{}, CodeTypeMismatch, `digest() got the wrong number of values: 2`, `digest`},
		{`filter(params.tags, 1)`, Type{}, CodeTypeMismatch, `filter() needs a yes/no test for each element`, `1`},
		{`filter(params.coupon, true)`, Type{}, CodeTypeMismatch, `filter() cannot take a string here`, `params.coupon`},
		{`let params = 1; 2`, Type{}, CodeTypeMismatch, `this name is taken; choose another after let`, `params`},
		{`steps.hold.takeover.key`, Type{}, CodeTypeMismatch, `this is a takeover, which can only be passed on or compared with nil`, `steps.hold.takeover`},
		{`"a" + steps.hold.takeover`, Type{}, CodeTypeMismatch, `this is a takeover, which can only be passed on or compared with nil`, `steps.hold.takeover`},
		{`steps.hold.takeover == "a"`, Type{}, CodeTypeMismatch, `this is a takeover, which can only be passed on or compared with nil`, `steps.hold.takeover`},
		{`string(steps.hold.takeover)`, Type{}, CodeTypeMismatch, `this is a takeover, which can only be passed on or compared with nil`, `steps.hold.takeover`},
		{`len(steps.vips.rows)`, Type{}, CodeTypeMismatch, `this is rows, which can only be passed on or compared with nil`, `steps.vips.rows`},
		{`filter(steps.vips.rows, true)`, Type{}, CodeTypeMismatch, `this is rows, which can only be passed on or compared with nil`, `steps.vips.rows`},
		{``, Type{}, CodeSyntax, `the expression is empty`, ``},
		{`1 +`, Type{}, CodeSyntax, `the expression ends too early: something is missing behind +`, `+`},
		{`true and `, Type{}, CodeSyntax, `the expression ends too early: something is missing behind and`, ` `},
		{`"a" ? "b"`, Type{}, CodeSyntax, `the expression ends too early`, `"`},
		{`(1`, Type{}, CodeSyntax, `the ( here is not closed`, `(`},
		{`upper("a) + [1]`, Type{}, CodeSyntax, `a quote is opened and not closed`, `"a) + [1]`},
		{`upper(")" + [1, 2][`, Type{}, CodeSyntax, `the [ here is not closed`, `[`},
		{`foo(`, Type{}, CodeUnknownFunction, `there is no function "foo"`, `foo`},
		{`not (`, Type{}, CodeSyntax, `the ( here is not closed`, `(`},
		{`"a".lower(`, Type{}, CodeSyntax, `the ( here is not closed`, `(`},
		{`"a" | uper`, Type{}, CodeUnknownFunction, `there is no function "uper"`, `uper`},
		{`"a" | upper `, Type{}, CodeSyntax, `a function behind | needs its parentheses: write upper()`, `upper`},
		{`"a" | lower | upper()`, Type{}, CodeSyntax, `a function behind | needs its parentheses: write lower()`, `lower`},
		{`params.coupon = "x"`, Type{}, CodeSyntax, `= is not expected here; write == to compare`, `=`},
		{`1 2`, Type{}, CodeSyntax, `2 is not expected here`, `2`},
		{`true AND false`, Type{}, CodeSyntax, `AND is not expected here; write and`, `AND`},
		{`true Or false`, Type{}, CodeSyntax, `Or is not expected here; write or`, `Or`},
		{`"a" IN ["a"]`, Type{}, CodeSyntax, `IN is not expected here; write in`, `IN`},
		{`1 ％ 2`, Type{}, CodeSyntax, `the character ％ cannot be used here; write %`, `％`},
		{`params.coupon == “x”`, Type{}, CodeSyntax, `the character “ cannot be used here; write "`, `“`},
		{`"中文" == "abc`, Type{}, CodeSyntax, `a quote is opened and not closed`, `"abc`},
		{`b"abc"`, Type{}, CodeSyntax, `a quote may not follow a b`, `b"abc"`},
		{`1 /* x`, Type{}, CodeSyntax, `a comment is opened and not closed`, ``},
		{`99999999999999999999`, Type{}, CodeSyntax, `this number cannot be read`, ``},
	} {
		_, err := Compile(c.source, campaign(), c.want)
		var failure *Error
		require.ErrorAs(t, err, &failure, c.source)
		assert.Equal(t, c.message, failure.Message, c.source)
		assert.Equal(t, c.code, failure.Code, c.source)
		if c.place != "" {
			assert.Equal(t, c.place, string([]rune(c.source)[failure.Start:failure.End]), c.source)
		}
	}
}

func TestCompileErrorsOfferCandidates(t *testing.T) {
	for source, want := range map[string]struct {
		name       string
		candidates []string
	}{
		`custmer.tier`:       {"custmer", []string{"customer", "event", "params", "steps"}},
		`steps.hold.takover`: {"takover", []string{"succeeded", "takeover"}},
		`sucess()`:           {"sucess", Functions()},
	} {
		_, err := Compile(source, campaign(), Type{})
		var failure *Error
		require.ErrorAs(t, err, &failure)
		require.Equal(t, want.name, failure.Name)
		require.Equal(t, want.candidates, failure.Candidates)
		require.Empty(t, failure.Suggestion)
	}
	require.Contains(t, Functions(), "success")
}

func TestNullIsOfferedForNothingButUnknownNames(t *testing.T) {
	_, err := Compile(`1 +`, campaign(), Type{})
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.Empty(t, failure.Name)
	require.Empty(t, failure.Candidates)
}
