package expression

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

func at(node ast.Node, code, format string, args ...any) *Error {
	place := extent(node)
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Start: place.From, End: place.To}
}

// unwanted says that the whole expression has another type than its place asks for.
func (c *compilation) unwanted(got, want Type) *Error {
	message := fmt.Sprintf("%s is wanted, this is %s", want, got)
	switch {
	case got.Kind == want.Kind && want.Kind == Object:
		message = fmt.Sprintf("this object does not have the fields that are wanted: %s", strings.Join(sortedKeys(want.Fields), ", "))
	case got.Kind == want.Kind && want.Kind == List:
		message = fmt.Sprintf("a list is wanted of which each is %s, here each is %s", want.Element, got.Element)
	case got.Kind == Number && want.Kind == Integer:
		message += "; write int(…) around it"
	case want.Kind == String:
		message += "; write string(…) around it"
	}
	trimmed := strings.TrimLeft(c.source, " \t\r\n")
	start := c.runes - len([]rune(trimmed))
	return &Error{Code: CodeTypeMismatch, Message: message, Start: start, End: start + len([]rune(strings.TrimRight(trimmed, " \t\r\n")))}
}

func (c *compilation) unknownName(node ast.Node, name string) *Error {
	failure := at(node, CodeUnknownName, "unknown name %q in expression", name)
	failure.Name, failure.Candidates = name, sortedKeys(c.scope)
	return failure
}

// checkError puts what expr's checker says into words. The checker marks a node by its place; the types that it found
// are on the nodes around.
func (c *compilation) checkError(tree ast.Node, problem *file.Error) *Error {
	node, parent := find(tree, problem)
	fallback := &Error{Code: CodeTypeMismatch, Message: plainTypes(problem.Message), Start: problem.From, End: problem.To}
	if node == nil {
		return fallback
	}
	if name, ok := strings.CutPrefix(problem.Message, "unknown name "); ok {
		return c.unknownName(node, name)
	}
	if name, ok := strings.CutPrefix(problem.Message, "unknown field "); ok {
		return unknownField(node, parent, name)
	}
	if failure := c.argumentProblem(node, parent, problem); failure != nil {
		return failure
	}
	switch n := node.(type) {
	case *ast.BinaryNode:
		return binaryProblem(n)
	case *ast.UnaryNode:
		return at(n.Node, CodeTypeMismatch, "%q takes %s, this is %s", n.Operator, map[bool]string{true: "a yes/no value", false: "a number"}[n.Operator == "!" || n.Operator == "not"], typeOf(n.Node))
	case *ast.MemberNode:
		return at(n.Property, CodeTypeMismatch, "this has no fields: it is %s", typeOf(n.Node))
	case *ast.SliceNode:
		return at(n, CodeTypeMismatch, "only lists and strings can be cut with [from:to], this is %s", typeOf(n.Node))
	}
	return callProblem(node, parent, fallback)
}

// callProblem is about a function that was given what it does not take.
func callProblem(node, parent ast.Node, fallback *Error) *Error {
	switch {
	case functionName(parent) != "":
		return at(node, CodeTypeMismatch, "%s() cannot take %s here", functionName(parent), typeOf(node))
	case functionName(node) != "":
		kinds := make([]string, 0, 3)
		for _, argument := range argumentsOf(node) {
			kinds = append(kinds, typeOf(argument).String())
		}
		fallback.Message = fmt.Sprintf("%s() cannot take this: %s", functionName(node), strings.Join(kinds, ", "))
	}
	return fallback
}

// argumentProblem is what the message alone tells, or nil.
func (c *compilation) argumentProblem(node, parent ast.Node, problem *file.Error) *Error {
	message := problem.Message
	here := &Error{Code: CodeTypeMismatch, Start: problem.From, End: problem.To}
	switch {
	case strings.HasPrefix(message, "too many arguments"), strings.HasPrefix(message, "not enough arguments"),
		strings.HasPrefix(message, "invalid number of arguments"):
		here.Message = fmt.Sprintf("%s() got the wrong number of values: %d", functionName(node), len(argumentsOf(node)))
		return here
	case strings.HasPrefix(message, "cannot redeclare"):
		here.Message = "this name is taken; choose another after let"
		return here
	case strings.HasPrefix(message, "predicate should return boolean"):
		return at(node, CodeTypeMismatch, "%s() needs a yes/no test for each element", functionName(parent))
	case strings.HasPrefix(message, "non-bool expression"):
		return at(node, CodeTypeMismatch, "a yes/no value is wanted before ?, this is %s", typeOf(node))
	case strings.HasPrefix(message, "array elements can only"), strings.HasPrefix(message, "non-integer slice index"):
		if member, ok := node.(*ast.MemberNode); ok {
			node = member.Property
		}
		return at(node, CodeTypeMismatch, "an element of a list is chosen by its number, as in list[0]; this is %s", typeOf(node))
	case strings.HasPrefix(message, "builtin ") && strings.Contains(message, "takes only array"),
		strings.HasPrefix(message, "cannot use ") && strings.Contains(message, " as argument "):
		return at(node, CodeTypeMismatch, "%s() cannot take %s here", functionName(parent), typeOf(node))
	}
	return nil
}

func functionName(n ast.Node) string {
	if call, ok := n.(*ast.CallNode); ok {
		if member, ok := call.Callee.(*ast.MemberNode); ok {
			if name, ok := member.Property.(*ast.StringNode); ok {
				return name.Value
			}
		}
	}
	if n == nil {
		return ""
	}
	return calledName(n)
}

func argumentsOf(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.CallNode:
		return n.Arguments
	case *ast.BuiltinNode:
		return n.Arguments
	}
	return nil
}

// find is the node that the checker points at, and the node above it.
func find(tree ast.Node, problem *file.Error) (node, parent ast.Node) {
	field := strings.HasPrefix(problem.Message, "unknown field ")
	walk(tree, func(n ast.Node) bool {
		if n.Location() == problem.Location && node == nil && !field {
			node = n
		}
		for _, child := range children(n) {
			if child.Location() != problem.Location || node != nil && node != n {
				continue
			}
			// A field and the member it belongs to have the same place: the checker means the field only where
			// it says so.
			_, isMember := n.(*ast.MemberNode)
			if field && isMember || !field && node == nil {
				node, parent = child, n
			}
		}
		return node == nil
	})
	return node, parent
}

func unknownField(node, parent ast.Node, name string) *Error {
	failure := at(node, CodeUnknownField, "unknown field %q", name)
	failure.Name = name
	if member, ok := parent.(*ast.MemberNode); ok {
		if owner := member.Node.Nature(); owner.TypeData != nil {
			failure.Candidates = sortedKeys(owner.Fields)
		}
	}
	if start, end := failure.Start, failure.End; end-start == len([]rune(name))+2 {
		failure.Start, failure.End = start+1, end-1 // written as ["name"]
	}
	return failure
}

func binaryProblem(n *ast.BinaryNode) *Error {
	left, right := typeOf(n.Left), typeOf(n.Right)
	switch n.Operator {
	case "in":
		if right.Kind == String {
			return at(n, CodeTypeMismatch, "`in` looks into a list; write contains to look into a string")
		}
		return at(n, CodeTypeMismatch, "%s cannot be in this: it is %s", left, elementWords(right))
	case "and", "or", "&&", "||":
		for _, side := range []ast.Node{n.Left, n.Right} {
			if t := typeOf(side); t.Kind != Bool && t.Kind != Any {
				return at(side, CodeTypeMismatch, "a yes/no value is wanted beside %q, this is %s", n.Operator, t)
			}
		}
	case "==", "!=", "<", ">", "<=", ">=":
		return at(n, CodeTypeMismatch, "%s and %s cannot be compared", left, right)
	case "+":
		message := fmt.Sprintf("%s and %s cannot be added", left, right)
		if (left.Kind == String) != (right.Kind == String) {
			message += "; write string(…) around what is no string"
		}
		return at(n, CodeTypeMismatch, "%s", message)
	case "matches":
		if pattern, ok := n.Right.(*ast.StringNode); ok && (left.Kind == String || left.Kind == Any) {
			return at(pattern, CodeSyntax, "%s", errNoPattern)
		}
		fallthrough
	case "contains", "startsWith", "endsWith":
		return at(n, CodeTypeMismatch, "%s takes two strings; these are %s and %s", n.Operator, left, right)
	}
	return at(n, CodeTypeMismatch, "%q cannot be used with %s and %s", n.Operator, left, right)
}

func elementWords(t Type) string {
	if t.Kind == List && t.Element != nil {
		return fmt.Sprintf("a list of which each is %s", t.Element)
	}
	return t.String()
}

var goTypes = regexp.MustCompile(`\*?(map\[\w+\]|\[\])*(interface \{\}|expression\.\w+|time\.\w+|float64|string|int|bool|func\([^)]*\).*)`)

// plainTypes is the last resort for a message of the checker that nothing above knows: Go's types do not get through.
func plainTypes(message string) string {
	if goTypes.MatchString(message) || strings.Contains(message, "nature") {
		return "the values used here do not fit together"
	}
	return message
}
