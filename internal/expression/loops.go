package expression

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// isLoop reports whether the machine runs a loop for the function, with a test or a formula per element.
func isLoop(n *ast.BuiltinNode) bool {
	switch n.Name {
	case "all", "none", "any", "one", "filter", "find", "findIndex", "findLast", "findLastIndex",
		"map", "groupBy", "sortBy", "reduce":
		return true
	case "count":
		return len(n.Arguments) == 2
	}
	// sum(list, formula) is rewritten as the sum of a map.
	return n.Name == "sum" && len(n.Arguments) == 2
}

// loop keeps the machine's loop and puts a charge in front of it and into its body: the machine has no interrupt, and
// loops within loops need next to no memory.
func (r *rewriter) loop(n *ast.BuiltinNode) ast.Node {
	switch n.Name {
	case "sum":
		return r.callAt(n.Location(), n, "sum", sum, r.loop(named(n, "map")))
	case "findLastIndex":
		return r.callAt(n.Location(), n, "#last yes", lastYes, r.loop(named(n, "map")))
	}
	c := *n
	c.Arguments = slices.Clone(n.Arguments)
	c.Arguments[0] = r.call(n.Arguments[0], "#list for "+n.Name, listFor(n.Name), r.rewrite(n.Arguments[0]))
	body := r.rewrite(n.Arguments[1]).(*ast.PredicateNode)
	turn := *body
	original := n.Arguments[1].(*ast.PredicateNode).Node
	switch n.Name {
	case "map", "reduce":
		turn.Node = r.call(original, "#each", each, body.Node)
	case "groupBy", "sortBy":
		turn.Node = r.call(original, "#order", eachKey, body.Node)
	default:
		turn.Node = r.call(original, "#truth", truth, body.Node)
	}
	c.Arguments[1] = &turn
	if len(n.Arguments) == 3 {
		c.Arguments[2] = r.rewrite(n.Arguments[2])
	}
	switch n.Name {
	case "groupBy":
		return r.call(n, "#groups", groups, &c)
	case "findLast":
		c.Name = "find"
		c.Arguments[0] = r.call(n.Arguments[0], "reverse", function("reverse"), c.Arguments[0])
	}
	return &c
}

func named(n *ast.BuiltinNode, name string) *ast.BuiltinNode {
	c := *n
	c.Name = name
	return &c
}

// lastYes is findLastIndex once the test was made for each element: the index of the last yes, or nil. The machine's own
// backward loops (findLast, findLastIndex) are not used, since version 1.17.8 leaves values on the stack there, which
// then become arguments of whatever is called next.
func lastYes(m *meter, args []any) (any, error) {
	tests := args[0].([]any)
	last := any(nil)
	for i, test := range tests {
		yes, ok := test.(bool)
		if !ok {
			return nil, wanted("a yes/no value", test)
		}
		if yes {
			last = i
		}
	}
	return last, m.charge(1 + len(tests)/8)
}

// groups turns what the machine's groupBy makes into an object.
func groups(m *meter, args []any) (any, error) {
	made := reflect.ValueOf(args[0])
	object := make(map[string]any, made.Len())
	for each := made.MapRange(); each.Next(); {
		name, err := stringOf(m, each.Key().Interface())
		if err != nil {
			return nil, err
		}
		members, _ := object[name].([]any)
		object[name] = append(members, each.Value().Interface().([]any)...)
	}
	return object, nil
}

func listFor(name string) operation {
	return func(m *meter, args []any) (any, error) {
		v := reflect.ValueOf(args[0])
		if !v.IsValid() || !isList(v) {
			return nil, fmt.Errorf("%s() takes a list, this is %s", name, describe(args[0]))
		}
		if v.Len() > elementLimit {
			return nil, errTooLong
		}
		factor := 1
		switch name {
		case "groupBy":
			factor = 5
		case "sortBy":
			factor = 10
		}
		return args[0], m.charge(loopStart + factor*v.Len())
	}
}

func each(m *meter, args []any) (any, error) { return args[0], m.charge(1) }

// eachKey lets through what a list can be sorted or grouped by.
func eachKey(m *meter, args []any) (any, error) {
	if text, ok := args[0].(string); ok {
		return text, m.chargeText(len(text))
	}
	if args[0] != nil && !reflect.TypeOf(args[0]).Comparable() {
		return nil, fmt.Errorf("a list cannot be ordered by this, it is %s", describe(args[0]))
	}
	return args[0], m.charge(1)
}

// fieldName is the computed key of an object.
func fieldName(m *meter, args []any) (any, error) {
	if _, ok := args[0].(string); !ok {
		return nil, wanted("the name of a field", args[0])
	}
	return args[0], m.charge(1)
}
