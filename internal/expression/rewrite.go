package expression

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
)

// rewriter turns a checked tree into the one that is compiled: whatever costs more than a moment, or fails with a panic,
// becomes a call of one of our operations, with the meter as its first argument. What is left to the machine is the
// flow: and, or, ??, ?:, let, the loops of filter() and its like. The checked tree stays as it was.
type rewriter struct {
	config *conf.Config
	// done keeps nodes that the parser uses in two places (a < b < c) from being rewritten once per place.
	done   map[ast.Node]ast.Node
	places map[ast.Node]file.Location
	err    *Error
}

func newRewriter(config *conf.Config) *rewriter {
	return &rewriter{config: config, done: map[ast.Node]ast.Node{}, places: map[ast.Node]file.Location{}}
}

func (r *rewriter) rewrite(node ast.Node) ast.Node {
	if node == nil {
		return nil
	}
	if finished, ok := r.done[node]; ok {
		return finished
	}
	finished := r.replace(node)
	r.done[node] = finished
	return finished
}

func (r *rewriter) all(nodes []ast.Node) []ast.Node {
	rewritten := make([]ast.Node, len(nodes))
	for i, n := range nodes {
		rewritten[i] = r.rewrite(n)
	}
	return rewritten
}

func (r *rewriter) replace(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.MemberNode:
		return r.member(n)
	case *ast.ChainNode:
		return r.call(n, "#chain", endChain, r.rewrite(n.Node))
	case *ast.SliceNode:
		return r.call(n, "#slice", slice, r.rewrite(n.Node), r.orNil(n.From), r.orNil(n.To))
	case *ast.CallNode:
		return r.function(n)
	case *ast.BuiltinNode:
		if isLoop(n) {
			return r.loop(n)
		}
		return r.callAt(n.Location(), n, n.Name, function(n.Name), r.all(n.Arguments)...)
	}
	return r.container(node)
}

// container copies the nodes that only hold others.
func (r *rewriter) container(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.PredicateNode:
		c := *n
		c.Node = r.rewrite(n.Node)
		return &c
	case *ast.VariableDeclaratorNode:
		c := *n
		c.Value, c.Expr = r.rewrite(n.Value), r.rewrite(n.Expr)
		return &c
	case *ast.SequenceNode:
		c := *n
		c.Nodes = r.all(n.Nodes)
		return &c
	case *ast.ConditionalNode:
		c := *n
		c.Cond, c.Exp1, c.Exp2 = r.condition(n.Cond), r.rewrite(n.Exp1), r.rewrite(n.Exp2)
		return &c
	case *ast.ArrayNode:
		c := *n
		c.Nodes = r.all(n.Nodes)
		return &c
	case *ast.MapNode:
		c := *n
		c.Pairs = r.all(n.Pairs)
		return &c
	case *ast.PairNode:
		c := *n
		c.Key, c.Value = r.rewrite(n.Key), r.rewrite(n.Value)
		if _, ok := n.Key.(*ast.StringNode); !ok {
			c.Key = r.call(n.Key, "#key", fieldName, c.Key)
		}
		return &c
	}
	return node
}

// call makes the node that runs an operation in place of another node, whose place and type it keeps.
func (r *rewriter) call(original ast.Node, name string, run operation, args ...ast.Node) ast.Node {
	return r.callAt(r.placeOf(original), original, name, run, args...)
}

// callAt is call with the place that a failure points at.
func (r *rewriter) callAt(place file.Location, original ast.Node, name string, run operation, args ...ast.Node) ast.Node {
	name = "#" + name
	if _, known := r.config.Functions[name]; !known {
		r.config.Functions[name] = &builtin.Function{Name: name, Func: func(params ...any) (any, error) {
			result, err := run(params[0].(*meter), params[1:])
			if err != nil {
				return nil, &fault{err}
			}
			return result, nil
		}}
	}
	node := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: meterName}}, args...),
	}
	node.SetLocation(place)
	node.SetNature(*original.Nature())
	return node
}

// placeOf is the stretch of text that a node covers, remembered, since every node above it asks again.
func (r *rewriter) placeOf(node ast.Node) file.Location {
	if place, known := r.places[node]; known {
		return place
	}
	place := node.Location()
	for _, child := range children(node) {
		place = spanning(place, r.placeOf(child))
	}
	r.places[node] = place
	return place
}

func (r *rewriter) unary(n *ast.UnaryNode) ast.Node {
	switch n.Operator {
	case "-":
		return r.call(n, "#negate", negate, r.rewrite(n.Node))
	case "+":
		return r.call(n, "#positive", positive, r.rewrite(n.Node))
	}
	c := *n
	c.Node = r.condition(n.Node)
	return &c
}

func (r *rewriter) binary(n *ast.BinaryNode) ast.Node {
	run := operator(n.Operator)
	switch {
	case run != nil:
		return r.call(n, "#"+n.Operator, run, r.rewrite(n.Left), r.rightSide(n))
	case n.Operator == "??":
		c := *n
		c.Left, c.Right = r.rewrite(n.Left), r.rewrite(n.Right)
		return &c
	}
	c := *n
	c.Left, c.Right = r.condition(n.Left), r.condition(n.Right)
	return &c
}

// rightSide prepares what does not change from one evaluation to the next: the pattern of `matches` and a list written
// out after `in`.
func (r *rewriter) rightSide(n *ast.BinaryNode) ast.Node {
	switch right := n.Right.(type) {
	case *ast.StringNode:
		if n.Operator != "matches" {
			break
		}
		p, err := compilePattern(right.Value)
		if err != nil {
			place := right.Location()
			r.fail(&Error{Code: CodeSyntax, Message: err.Error(), Start: place.From, End: place.To})
			break
		}
		return &ast.ConstantNode{Value: p}
	case *ast.ArrayNode:
		if list, ok := literals(right); ok && n.Operator == "in" {
			return &ast.ConstantNode{Value: list}
		}
	}
	return r.rewrite(n.Right)
}

func (r *rewriter) fail(err *Error) {
	if r.err == nil {
		r.err = err
	}
}

func literals(array *ast.ArrayNode) ([]any, bool) {
	list := make([]any, len(array.Nodes))
	for i, node := range array.Nodes {
		switch n := node.(type) {
		case *ast.StringNode:
			list[i] = n.Value
		case *ast.IntegerNode:
			list[i] = n.Value
		case *ast.FloatNode:
			list[i] = n.Value
		case *ast.BoolNode:
			list[i] = n.Value
		case *ast.NilNode:
		default:
			return nil, false
		}
	}
	return list, true
}

// condition wraps what the machine takes for a bool without looking.
func (r *rewriter) condition(node ast.Node) ast.Node {
	rewritten := r.rewrite(node)
	switch n := node.(type) {
	case *ast.BoolNode, *ast.UnaryNode:
		return rewritten
	case *ast.BinaryNode:
		if n.Operator != "??" {
			return rewritten
		}
	case *ast.BuiltinNode:
		if isLoop(n) && n.Nature().IsBool() {
			return rewritten
		}
	}
	return r.call(node, "#truth", truth, rewritten)
}

func (r *rewriter) member(n *ast.MemberNode) ast.Node {
	written := ""
	if name, ok := n.Property.(*ast.StringNode); ok {
		written = name.Value
	}
	return r.callAt(r.placeOf(n.Property), n, "#member", member,
		r.rewrite(n.Node), r.rewrite(n.Property), &ast.BoolNode{Value: n.Optional}, &ast.StringNode{Value: written})
}

func (r *rewriter) orNil(node ast.Node) ast.Node {
	if node == nil {
		return &ast.NilNode{}
	}
	return r.rewrite(node)
}

// function is a call of one of our functions, or of a method of a time or a duration.
func (r *rewriter) function(n *ast.CallNode) ast.Node {
	if callee, ok := n.Callee.(*ast.MemberNode); ok {
		name := callee.Property.(*ast.StringNode).Value
		args := append([]ast.Node{r.rewrite(callee.Node), &ast.BoolNode{Value: callee.Optional}, &ast.StringNode{Value: name}}, r.all(n.Arguments)...)
		return r.callAt(n.Location(), n, "#method", method, args...)
	}
	name := n.Callee.(*ast.IdentifierNode).Value
	if isGiven(name) {
		return r.callAt(n.Location(), n, "#given", clockOrStatus, n.Callee, &ast.StringNode{Value: name})
	}
	return r.callAt(n.Location(), n, name, function(name), r.all(n.Arguments)...)
}

// isGiven holds for the functions that Eval finds among its names.
func isGiven(name string) bool {
	switch name {
	case "success", "failure", "cancelled", "always", "now":
		return true
	}
	return false
}
