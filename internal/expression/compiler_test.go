package expression

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Compiler that has compiled before says the same as a new one, of every expression that the other tests know.
func TestACompilerThatHasCompiledBeforeSaysTheSame(t *testing.T) {
	used := NewCompiler()
	sources := append(slices.Collect(maps.Values(hostile())), `customer.tier in ["gold", "vip"]`, `steps.hold.takeover`, `params.count + 1`, `steps.hold.nothing`, `nobody`, `now().Hour()`,
		`customer.tier == 3 || params.flag`, `parms.count`, `success() && steps.hold.succeeded`, `map(params.tags, {upper(#)})`)
	for range 2 {
		for _, source := range sources {
			one, failure := Compile(source, campaign(), Type{})
			other, again := used.Compile(source, campaign(), Type{})
			if (failure == nil) != (again == nil) || failure != nil && failure.Error() != again.Error() {
				t.Fatalf("%.80q: %v and %v", source, failure, again)
			}
			if failure == nil && one.Type().String() != other.Type().String() {
				t.Fatalf("%.80q: %v and %v", source, one.Type(), other.Type())
			}
		}
	}
}

// Steps are added to the scope as a file is read.
func TestACompilerSeesWhatIsAddedToAScope(t *testing.T) {
	compiler := NewCompiler()
	visible := map[string]Type{}
	scope := Scope{"steps": {Kind: Object, Fields: visible}}
	if _, err := compiler.Compile(`steps.a.n`, scope, Type{}); err == nil {
		t.Fatal("there is no step yet")
	}
	visible["a"] = Type{Kind: Object, Fields: map[string]Type{"n": {Kind: Integer}}}
	program, err := compiler.Compile(`steps.a.n`, scope, Type{})
	if err != nil || program.Type().Kind != Integer {
		t.Fatal(program, err)
	}
	visible["a"] = Type{Kind: Object, Fields: map[string]Type{"n": {Kind: String}}}
	if program, err = compiler.Compile(`steps.a.n`, scope, Type{}); err != nil || program.Type().Kind != String {
		t.Fatal("a step of the same name hides the other", program, err)
	}
	if _, err := compiler.Compile(`steps.a.m`, scope, Type{}); err == nil {
		t.Fatal("there is no such field")
	}
}

// Programs of one Compiler share what it knows, and none of it when they run.
func TestProgramsOfOneCompilerRunAtOnce(t *testing.T) {
	compiler := NewCompiler()
	scope := Scope{"row": {Kind: Object, Open: true}, "at": {Kind: Time}}
	var programs []*Program
	for _, source := range []string{`row.a + "x"`, `len(row.list) > 1`, `at.Year() > 2000`, `any(row.list, # == "b")`} {
		program, err := compiler.Compile(source, scope, Type{})
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	names := map[string]any{"row": map[string]any{"a": "b", "list": []any{"a", "b"}}, "at": time.Unix(1e9, 0)}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				for _, program := range programs {
					if _, err := program.Eval(names); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}
