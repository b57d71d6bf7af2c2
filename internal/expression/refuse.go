package expression

import (
	"strings"

	"github.com/expr-lang/expr/ast"
)

// refuse finds what expr allows and this language does not, before any type is known.
func (c *compilation) refuse(tree ast.Node) (found *Error) {
	walk(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IdentifierNode:
			if strings.HasPrefix(n.Value, "$") {
				found = c.unknownName(n, n.Value)
			}
		case *ast.BytesNode:
			found = at(n, CodeSyntax, "a quote may not follow a b")
		case *ast.CallNode:
			found = c.refuseCall(n)
		}
		return found == nil
	})
	return found
}

func (c *compilation) refuseCall(n *ast.CallNode) *Error {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		if _, hidden := c.scope[callee.Value]; hidden {
			return at(callee, CodeUnknownFunction, "%q is not a function", callee.Value)
		}
		if _, own := ownFunctions()[callee.Value]; !own {
			failure := at(callee, CodeUnknownFunction, "there is no function %q", callee.Value)
			failure.Name, failure.Candidates = callee.Value, Functions()
			return failure
		}
	case *ast.MemberNode:
		if name, ok := callee.Property.(*ast.StringNode); ok && !isMethod(name.Value) {
			failure := at(callee.Property, CodeUnknownFunction, "there is no function %q to call with a dot; functions are written name(value)", name.Value)
			failure.Name = name.Value
			return failure
		}
	}
	return nil
}

// refuseOpaque finds an opaque value that is not just passed on or compared with nil.
func (c *compilation) refuseOpaque(tree ast.Node) (found *Error) {
	refusal := func(n ast.Node) *Error {
		if n == nil || !isOpaque(n.Nature()) {
			return nil
		}
		return at(n, CodeTypeMismatch, "this is %s, which can only be passed on or compared with nil", fromNature(n.Nature()))
	}
	first := func(nodes ...ast.Node) *Error {
		for _, n := range nodes {
			if failure := refusal(n); failure != nil {
				return failure
			}
		}
		return nil
	}
	walk(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryNode:
			found = first(n.Node)
		case *ast.BinaryNode:
			comparesNil := (n.Operator == "==" || n.Operator == "!=") && (n.Left.Nature().Nil || n.Right.Nature().Nil)
			if !comparesNil && n.Operator != "??" {
				found = first(n.Left, n.Right)
			}
		case *ast.MemberNode:
			found = first(n.Node, n.Property)
		case *ast.SliceNode:
			found = first(n.Node, n.From, n.To)
		case *ast.BuiltinNode:
			found = first(n.Arguments...)
		case *ast.CallNode:
			found = first(n.Arguments...)
		case *ast.ConditionalNode:
			found = first(n.Cond)
		}
		return found == nil
	})
	return found
}

// refuseFunctionsAsValues finds `success` where `success()` is meant.
func (c *compilation) refuseFunctionsAsValues(tree ast.Node) (found *Error) {
	callees := map[ast.Node]bool{}
	walk(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallNode:
			callees[n.Callee] = true
		case *ast.IdentifierNode, *ast.MemberNode:
			if n.Nature().IsFunc() && !callees[n] {
				found = at(n, CodeTypeMismatch, "this is a function; write () behind it")
			}
		}
		return found == nil
	})
	return found
}
