package expression

import "github.com/expr-lang/expr/ast"

// Members lists every X of root.X, root?.X, root["X"] and get(root, "X"), in the order of the text, with the place of
// the name itself. A use of root whose member is only known when it runs (root[name], keys(root), root by itself) is
// listed with an empty Name and the place of root.
func (p *Program) Members(root string) []Reference {
	var found []Reference
	named := map[ast.Node]bool{}
	walk(p.tree, func(n ast.Node) bool {
		if property := memberOf(n, root); property != nil {
			named[children(n)[0]] = true
			found = append(found, p.reference(property))
		}
		if id, ok := n.(*ast.IdentifierNode); ok && id.Value == root && !named[n] {
			place := n.Location()
			found = append(found, Reference{Start: place.From, End: place.To})
		}
		return true
	})
	return found
}

// memberOf is the property of a node that reads a member of root by its name.
func memberOf(n ast.Node, root string) *ast.StringNode {
	var owner, property ast.Node
	switch n := n.(type) {
	case *ast.MemberNode:
		owner, property = n.Node, n.Property
	case *ast.BuiltinNode:
		if n.Name == "get" && len(n.Arguments) == 2 {
			owner, property = n.Arguments[0], n.Arguments[1]
		}
	}
	if id, ok := owner.(*ast.IdentifierNode); !ok || id.Value != root {
		return nil
	}
	name, _ := property.(*ast.StringNode)
	return name
}

// ComparedWith lists every text that a name is compared with by ==, != or in, in the order of the expression, with the place of the
// text without its quotes.
func (p *Program) ComparedWith(name string) []Reference {
	var found []Reference
	walk(p.tree, func(n ast.Node) bool {
		b, ok := n.(*ast.BinaryNode)
		if !ok {
			return true
		}
		for _, side := range [2][2]ast.Node{{b.Left, b.Right}, {b.Right, b.Left}} {
			if id, ok := side[0].(*ast.IdentifierNode); !ok || id.Value != name {
				continue
			}
			switch b.Operator {
			case "==", "!=":
				found = p.appendText(found, side[1])
			case "in":
				if list, ok := side[1].(*ast.ArrayNode); ok && side[1] == b.Right {
					for _, element := range list.Nodes {
						found = p.appendText(found, element)
					}
				}
			}
		}
		return true
	})
	return found
}

func (p *Program) appendText(list []Reference, node ast.Node) []Reference {
	text, ok := node.(*ast.StringNode)
	if !ok {
		return list
	}
	return append(list, p.reference(text))
}

// reference places a name without the quotes it may stand in.
func (p *Program) reference(name *ast.StringNode) Reference {
	place := name.Location()
	if place.To-place.From == len([]rune(name.Value))+2 {
		place.From, place.To = place.From+1, place.To-1
	}
	return Reference{Name: name.Value, Start: place.From, End: place.To}
}
