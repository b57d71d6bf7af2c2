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
