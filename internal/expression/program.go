package expression

import (
	"errors"
	"slices"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	source  string
	runes   int // length of source in characters
	tree    ast.Node
	names   []string
	result  Type
	want    Type
	path    []string // of an expression that only reads a name or a field; nil: machine computes it
	quick   quick    // of a simple condition; nil: machine computes it
	machine *vm.Program
	idle    sync.Pool // of *evaluator
}

// evaluator is everything one evaluation writes to, kept for the next one.
type evaluator struct {
	vm    vm.VM
	names map[string]any
	meter *meter
}

// meterName is how the compiled program finds its budget among the names; no expression can write it.
const meterName = "#meter"

func newEvaluator() any {
	m := &meter{}
	return &evaluator{
		vm:    vm.VM{MemoryBudget: elementLimit},
		names: map[string]any{meterName: m},
		meter: m,
	}
}

// Eval computes the expression. Names missing from names are nil, as are missing fields of open objects. The result is
// data (nil, bool, string, int, int64, float64, time.Time, time.Duration, []any, map[string]any) or a value as it was
// given, and fits the type that Compile was asked for, except that it may be nil where no yes/no value is wanted.
// It may share memory with names: neither may be changed. The error is an *EvalError; one that stays below the bounds
// (about 100 ms of work, 500,000 elements) depends on nothing but the names.
func (p *Program) Eval(names map[string]any) (any, error) {
	if p.path != nil {
		if value, ok := follow(p.path, names); ok {
			return p.finish(&meter{left: workLimit}, value)
		}
	}
	if p.quick != nil {
		if value, known := p.quick(names); known {
			return value, nil
		}
	}
	e := p.idle.Get().(*evaluator)
	e.meter.left = workLimit
	for _, name := range p.names {
		e.names[name] = names[name]
	}
	value, err := e.vm.Run(p.machine, e.names)
	if err != nil {
		err = p.evalError(err)
	} else {
		value, err = p.finish(e.meter, value)
	}
	p.release(e)
	return value, err
}

// release keeps an evaluator for later, without the values it saw, unless it has grown large.
func (p *Program) release(e *evaluator) {
	const modest = 10_000 // units; what worked more may have grown large
	if workLimit-e.meter.left > modest || cap(e.vm.Stack) > modest {
		return
	}
	for _, name := range p.names {
		e.names[name] = nil
	}
	clear(e.vm.Stack[:cap(e.vm.Stack)])
	clear(e.vm.Variables)
	p.idle.Put(e)
}

// finish makes sure that the result is what Compile promised.
func (p *Program) finish(m *meter, value any) (any, error) {
	switch value.(type) {
	case bool, string, int, float64:
	default:
		if err := m.chargeValue(value); err != nil {
			return nil, p.wholeError(err)
		}
	}
	value, err := conform(value, p.want)
	if err != nil {
		return nil, p.wholeError(err)
	}
	return value, nil
}

// conform checks a computed value against the wanted kind, which the checker could not know in full.
func conform(value any, want Type) (any, error) {
	if value == nil && want.Kind != Bool {
		return nil, nil
	}
	ok := true
	switch want.Kind {
	case Bool:
		_, ok = value.(bool)
	case Integer:
		whole, exact := asWhole(value)
		if exact {
			return whole, nil
		}
		ok = false
	case Number:
		_, ok = asNumber(value)
	case String, Time, Duration, List, Object:
		ok = describe(value) == want.String()
	}
	if !ok {
		return nil, wanted(want.String(), value)
	}
	return value, nil
}

func (p *Program) wholeError(err error) error {
	return &EvalError{Message: err.Error(), Start: 0, End: p.runes}
}

// evalError puts a failure of the machine into words. Failures of our own operations are sentences already.
func (p *Program) evalError(err error) error {
	failure := &EvalError{Message: "this cannot be computed: a value is empty, or of another kind than is wanted here", End: p.runes}
	var placed *file.Error
	if !errors.As(err, &placed) {
		return failure
	}
	if from, to := placed.From, placed.To; from < to && to <= p.runes {
		failure.Start, failure.End = from, to
	}
	var own *fault
	switch {
	case errors.As(err, &own):
		failure.Message = own.Error()
	case placed.Message == "memory budget exceeded":
		failure.Message = "the expression makes too long a list"
	case placed.Message == "reduce of empty array with no initial value":
		failure.Message = "reduce() got an empty list and no value to start with"
	}
	return failure
}

// fault marks an error of an operation of this package, to tell it from whatever else the machine meets.
type fault struct{ error }

// Type is what the expression yields, as far as is known without running it.
func (p *Program) Type() Type { return p.result }

// Source is the text it was compiled from.
func (p *Program) Source() string { return p.source }

// Names lists the top-level names of the scope that the expression uses, sorted, with success, now and the like.
func (p *Program) Names() []string { return slices.Clone(p.names) }

// Calls reports whether the expression calls the named function.
func (p *Program) Calls(function string) bool {
	return !walk(p.tree, func(n ast.Node) bool { return calledName(n) != function })
}

// calledName is the name of the function a node calls, or "".
func calledName(n ast.Node) string {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return n.Name
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return callee.Value
		}
	}
	return ""
}
