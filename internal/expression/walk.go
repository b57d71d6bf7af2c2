package expression

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// children lists the nodes right below a node, in the order of the text.
func children(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return present(n.Node, n.From, n.To)
	case *ast.CallNode:
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}

func present(nodes ...ast.Node) []ast.Node {
	var there []ast.Node
	for _, n := range nodes {
		if n != nil {
			there = append(there, n)
		}
	}
	return there
}

// walk visits a node and all below it, parents first, until visit says to stop. It reports whether it went through.
func walk(node ast.Node, visit func(ast.Node) bool) bool {
	if !visit(node) {
		return false
	}
	for _, child := range children(node) {
		if !walk(child, visit) {
			return false
		}
	}
	return true
}

// extent is the stretch of text a node covers, from the first to the last of its parts that have a place.
func extent(node ast.Node) file.Location {
	var place file.Location
	walk(node, func(n ast.Node) bool {
		place = spanning(place, n.Location())
		return true
	})
	return place
}

// spanning covers both places. Nodes that the parser made up have an empty one.
func spanning(a, b file.Location) file.Location {
	switch {
	case a.From >= a.To:
		return b
	case b.From >= b.To:
		return a
	}
	return file.Location{From: min(a.From, b.From), To: max(a.To, b.To)}
}
