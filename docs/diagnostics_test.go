package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every code that the sources give out is explained, and every explained code is given out.
func TestEveryCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile("diagnostics.md")
	require.NoError(t, err)
	_, prose := parts(string(page))
	var explained []string
	for _, heading := range headings(prose) {
		if code, ok := strings.CutPrefix(heading, "### "); ok {
			explained = append(explained, code)
		}
	}
	slices.Sort(explained)
	require.Equal(t, emitted(t), explained, "docs/diagnostics.md and the sources name different codes")
}

// emitted collects the codes of diagnostics: the argument after the place in calls of add, warn and at, and every field,
// variable and constant called Code or code….
func emitted(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, sources := range []string{"workflows/*.go", "internal/expression/*.go", "internal/cli/warnings.go"} {
		names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(sources)))
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(node ast.Node) bool {
				for _, code := range codes(node) {
					found[code] = true
				}
				return true
			})
		}
	}
	delete(found, "")
	var list []string
	for code := range found {
		list = append(list, code)
	}
	slices.Sort(list)
	return list
}

var codeName = regexp.MustCompile(`^(Code|code)([A-Z]\w*)?$`)

func codes(node ast.Node) []string {
	switch node := node.(type) {
	case *ast.CallExpr:
		method, ok := node.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"add", "warn", "at"}, method.Sel.Name) && len(node.Args) > 1 {
			return []string{text(node.Args[1])}
		}
	case *ast.KeyValueExpr:
		if key, ok := node.Key.(*ast.Ident); ok && codeName.MatchString(key.Name) {
			return []string{text(node.Value)}
		}
	case *ast.ValueSpec:
		if len(node.Names) == 1 && len(node.Values) == 1 && codeName.MatchString(node.Names[0].Name) {
			return []string{text(node.Values[0])}
		}
	case *ast.AssignStmt:
		if field, ok := node.Lhs[0].(*ast.SelectorExpr); ok && len(node.Lhs) == 1 && codeName.MatchString(field.Sel.Name) {
			return []string{text(node.Rhs[0])}
		}
	}
	return nil
}

// text is a string literal's value, "" for anything else.
func text(node ast.Expr) string {
	literal, ok := node.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return value
}
