package expression

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// quick computes a yes/no value without the machine. It gives up (known is false) where a value is of another kind than it
// is made for: the machine then computes it, or words what is wrong. It works so little that it needs no meter.
type quick func(names map[string]any) (value, known bool)

// quickOf is for conditions that hold fields against texts, such as who.tier in ["gold", "vip"] and who.city == "上海": most
// of those in a workflow, and each is computed for a million rows. It is nil for all others.
func quickOf(node ast.Node, scope Scope) quick {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return quickNot(quickOf(n.Node, scope))
		}
	case *ast.BinaryNode:
		return quickBinary(n, scope)
	}
	return nil
}

func quickNot(of quick) quick {
	if of == nil {
		return nil
	}
	return func(names map[string]any) (bool, bool) {
		value, known := of(names)
		return !value, known
	}
}

func quickBinary(n *ast.BinaryNode, scope Scope) quick {
	switch n.Operator {
	case "and", "&&":
		return quickBoth(quickOf(n.Left, scope), quickOf(n.Right, scope), false)
	case "or", "||":
		return quickBoth(quickOf(n.Left, scope), quickOf(n.Right, scope), true)
	case "==", "!=":
		if text, ok := n.Right.(*ast.StringNode); ok {
			return quickIn(pathOf(n.Left, scope), []string{text.Value}, n.Operator == "==")
		}
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			if texts := quickTexts(list); texts != nil {
				return quickIn(pathOf(n.Left, scope), texts, true)
			}
		}
	}
	return nil
}

// quickBoth asks the right side unless the left one decides.
func quickBoth(left, right quick, decides bool) quick {
	if left == nil || right == nil {
		return nil
	}
	return func(names map[string]any) (bool, bool) {
		if value, known := left(names); !known || value == decides {
			return value, known
		}
		return right(names)
	}
}

// quickIn gives found where the text at the end of a path is one of some, else the contrary.
func quickIn(path, texts []string, found bool) quick {
	if path == nil {
		return nil
	}
	return func(names map[string]any) (bool, bool) {
		value, ok := follow(path, names)
		text, isText := value.(string)
		if !ok || !isText {
			return false, false
		}
		return slices.Contains(texts, text) == found, true
	}
}

// mostQuick bounds the list that is searched from its start.
const mostQuick = 20

func quickTexts(list *ast.ArrayNode) []string {
	if len(list.Nodes) > mostQuick {
		return nil
	}
	var texts []string
	for _, node := range list.Nodes {
		text, ok := node.(*ast.StringNode)
		if !ok {
			return nil
		}
		texts = append(texts, text.Value)
	}
	return texts
}
