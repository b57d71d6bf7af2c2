package expression

import "github.com/expr-lang/expr/ast"

// pathOf is the way to what an expression gives when it only reads a name, or a field of one (customer.friend): most of
// what stands in a workflow. Such a program needs no machine. It is nil for all others.
func pathOf(node ast.Node, scope Scope) []string {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		if _, known := scope[n.Value]; known {
			return []string{n.Value}
		}
	case *ast.MemberNode:
		field, ok := n.Property.(*ast.StringNode)
		if !ok || n.Optional || n.Method {
			return nil
		}
		if from := pathOf(n.Node, scope); from != nil {
			return append(from, field.Value)
		}
	}
	return nil
}

// follow goes along the path. It gives up where a value has no fields, which the machine can word.
func follow(path []string, names map[string]any) (any, bool) {
	value := names[path[0]]
	for _, field := range path[1:] {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		value = object[field]
	}
	return value, true
}
