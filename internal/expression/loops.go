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
	if n.Name == "sum" {
		formula := *n
		formula.Name = "map"
		return r.call(n, "sum", sum, r.loop(&formula))
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
	if n.Name == "groupBy" {
		return r.call(n, "#groups", groups, &c)
	}
	return &c
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
		if name == "sortBy" {
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
