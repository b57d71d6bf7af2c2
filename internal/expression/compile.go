package expression

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Compile parses and type-checks an expression over the names of scope. What it yields must fit want. The error is an
// *Error, the first that is found.
//
// Every scope has the functions success(), failure(), cancelled() and always(), which give a bool, and now(), which
// gives a time: Eval finds them in its names as func() bool and func() time.Time under these names. sample(key,
// percent) and digest(text) are built in. A name of scope that equals one of these hides the function.
//
// A text may have 20,000 bytes and 5,000 names, values and operators.
func Compile(source string, scope Scope, want Type) (*Program, error) {
	return NewCompiler().Compile(source, scope, want)
}

// Compile is the function Compile, quicker: what was found out about the types of a scope is kept for the next expression.
// The Fields of the types within an object of the scope must not change from one call to the next; those of the object
// itself may, so that steps can be added to `steps`.
func (k *Compiler) Compile(source string, scope Scope, want Type) (program *Program, err error) {
	c := &compilation{source: source, runes: utf8.RuneCountInString(source), scope: scope, compiler: k}
	defer func() {
		// The checker and the compiler of expr panic where they meet something they did not foresee. A file is from
		// outside, so that must not end the process.
		if recover() != nil {
			program, err = nil, c.whole(CodeSyntax, "this cannot be understood as an expression")
		}
	}()
	program, failure := c.run(want)
	if c.config != nil {
		k.cache = c.config.NtCache // what it learned about types of Go
	}
	if failure != nil {
		return nil, c.clamp(failure)
	}
	return program, nil
}

// compilation is one call of Compile.
type compilation struct {
	source   string
	runes    int
	scope    Scope
	config   *conf.Config
	compiler *Compiler
}

func (c *compilation) run(want Type) (*Program, *Error) {
	tree, failure := c.parse()
	if failure != nil {
		return nil, failure
	}
	if failure := c.check(tree); failure != nil {
		return nil, failure
	}
	result := typeOf(tree.Node)
	if !fits(result, want) {
		return nil, c.unwanted(result, want)
	}
	p := &Program{source: c.source, runes: c.runes, tree: tree.Node, names: c.names(tree.Node), result: result, want: want}
	p.path = pathOf(tree.Node, c.scope)
	if want.Kind == Bool || want.Kind == Any {
		p.quick = quickOf(tree.Node, c.scope)
	}
	p.idle.New = newEvaluator
	r := newRewriter(c.config)
	rewritten := &parser.Tree{Node: r.rewrite(tree.Node), Source: tree.Source}
	if r.err != nil {
		return nil, r.err
	}
	machine, err := compiler.Compile(rewritten, c.config)
	if err != nil {
		return nil, c.whole(CodeSyntax, "this cannot be understood as an expression")
	}
	p.machine = machine
	return p, nil
}

// parse reads the text into a tree of bounded size.
func (c *compilation) parse() (*parser.Tree, *Error) {
	if len(c.source) > maxSource {
		return nil, c.whole(CodeTooLarge, fmt.Sprintf("the expression is too long: %d bytes, of at most %d", len(c.source), maxSource))
	}
	c.config = c.compiler.config(c.source, c.scope)
	tree, err := parser.ParseWithConfig(c.source, c.config)
	if err != nil {
		return nil, c.syntaxError(err)
	}
	// The parser puts the middle of a < b < c into the tree twice, so nesting such makes a tree that is far larger than
	// its text. Everything after this point walks the tree, so it is counted as it will be walked.
	nodes := 0
	if !walk(tree.Node, func(ast.Node) bool { nodes++; return nodes <= maxNodes }) {
		return nil, c.tooLarge()
	}
	ast.Walk(&tree.Node, calendarNumbers{})
	return tree, nil
}

// calendarNumbers makes months and weekdays plain whole numbers, also for the checker, which would not compare Go's
// types for them with a number.
type calendarNumbers struct{}

func (calendarNumbers) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok {
		return
	}
	switch functionName(call) {
	case "Month", "Weekday":
		ast.Patch(node, &ast.BuiltinNode{Name: "int", Arguments: []ast.Node{call}})
	}
}

// check finds names, fields and types that do not fit.
func (c *compilation) check(tree *parser.Tree) *Error {
	if failure := c.refuse(tree.Node); failure != nil {
		return failure
	}
	_, err := new(checker.Checker).Check(tree, c.config)
	// What the checker would call by the name of a Go type is looked for first.
	if failure := cmp.Or(c.refuseOpaque(tree.Node), c.refuseFunctionsAsValues(tree.Node)); failure != nil {
		return failure
	}
	if err != nil {
		var placed *file.Error
		if !errors.As(err, &placed) {
			return c.whole(CodeTypeMismatch, "this does not fit together")
		}
		return c.checkError(tree.Node, placed)
	}
	return nil
}

func (c *compilation) names(tree ast.Node) []string {
	used := map[string]bool{}
	walk(tree, func(n ast.Node) bool {
		if id, ok := n.(*ast.IdentifierNode); ok {
			if _, known := c.scope[id.Value]; known || isGiven(id.Value) {
				used[id.Value] = true
			}
		}
		return true
	})
	return sortedKeys(used)
}

func (c *compilation) whole(code, message string) *Error {
	return &Error{Code: code, Message: message, Start: 0, End: c.runes}
}

func (c *compilation) tooLarge() *Error {
	return c.whole(CodeTooLarge, fmt.Sprintf("the expression is too large: it has more than %d parts", maxNodes))
}

// clamp keeps positions inside the text, whatever the parser made of it.
func (c *compilation) clamp(e *Error) *Error {
	e.Start = min(max(e.Start, 0), c.runes)
	e.End = min(max(e.End, e.Start), c.runes)
	if e.Start == e.End && e.Start > 0 && e.End == c.runes {
		e.Start--
	}
	return e
}
