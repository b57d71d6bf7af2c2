package expression

import "testing"

func BenchmarkEval(b *testing.B) {
	for _, source := range []string{
		`customer.tier in ["gold","vip"]`,
		`customer.tier == "vip" && steps.hold.succeeded`,
		`"Hello " + customer.name`,
		`customer.account + "/" + customer.friend`,
		`any(customer.tags, # == "b")`,
	} {
		b.Run(source, func(b *testing.B) {
			scope := Scope{
				"customer": {Kind: Object, Open: true},
				"steps":    {Kind: Object, Open: true},
			}
			program, err := Compile(source, scope, Type{})
			if err != nil {
				b.Fatal(err)
			}
			names := map[string]any{
				"customer": map[string]any{"tier": "vip", "name": "张三", "account": "a1", "friend": "f1", "tags": []any{"a", "b"}},
				"steps":    map[string]any{"hold": map[string]any{"succeeded": true}},
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := program.Eval(names); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evals/s")
		})
	}
}

// BenchmarkWhere is what a foreach asks of every row of its list.
func BenchmarkWhere(b *testing.B) {
	scope := Scope{"customer": {Kind: Object, Open: true}}
	program, err := Compile(`customer.tier in ["gold","vip"] && customer.city != ""`, scope, Type{Kind: Bool})
	if err != nil {
		b.Fatal(err)
	}
	row := map[string]any{"account": "a1", "friend": "f1", "name": "张三", "tier": "vip", "city": "杭州"}
	names := map[string]any{"customer": row}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := program.Eval(names); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evals/s")
}

func BenchmarkCompile(b *testing.B) {
	scope := Scope{"customer": {Kind: Object, Open: true}, "steps": {Kind: Object, Fields: map[string]Type{}}}
	for _, id := range []string{"hold", "greet", "show", "say"} {
		scope["steps"].Fields[id] = Type{Kind: Object, Fields: map[string]Type{"status": {Kind: String}, "succeeded": {Kind: Bool}, "failed": {Kind: Bool}}}
	}
	compiler := NewCompiler()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compiler.Compile(`customer.tier == "vip" && steps.hold.succeeded`, scope, Type{Kind: Bool}); err != nil {
			b.Fatal(err)
		}
	}
}
