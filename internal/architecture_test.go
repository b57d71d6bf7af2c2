// Package internal_test checks the plan of the house: who may import whom, what may be called what, and what stands
// at the top of the repository. It holds tests only and imports nothing of this project.
package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "youmiflow"

// floors gives every package its floor. A package imports only from lower floors. A package below another one
// (internal/ledger/ledgertest) belongs to the same family, stands on the same floor, and may import within the family.
// Packages beside the house are on floor 0: they import nothing of it, and nobody may import them.
func floors() map[string]int {
	return map[string]int{
		"cmd/youmiflow":       6,
		"internal/cli":        5,
		"internal/web":        4,
		"steps":               4,
		"internal/ledger":     4,
		"internal/dispatch":   4,
		"internal/limit":      4,
		"internal/metrics":    4,
		"internal/telemetry":  4,
		"internal/rehearsal":  4,
		"engine":              3,
		"internal/events":     3,
		"internal/folder":     3,
		"workflows":           2,
		"internal/sandbox":    2,
		"internal/expression": 1,
		"internal/audience":   1,
		"internal/youmi":      1,
		"internal/calendar":   1,
		"internal/diagnostic": 1,
		"internal/fetch":      1,
		"internal/notify":     1,
		"internal/redact":     1,
		"internal/sheet":      1,
		"internal/systemd":    1,
		"examples":            0,
		"docs":                0,
		"internal/bench":      0, // a program that measures the other from outside
	}
}

// reserved says who alone may import a library: path prefix, families, and whether tests are bound by it too.
func reserved() []reservation {
	stores := []string{"internal/ledger", "internal/dispatch"}
	databases := append(slices.Clone(stores), "internal/audience")
	return []reservation{
		{"github.com/expr-lang/expr", []string{"internal/expression"}, true},
		{"github.com/robfig/cron", []string{"internal/calendar"}, true},
		{"github.com/riverqueue", stores, false},
		{"github.com/jackc/pgx", databases, false},
		{"github.com/go-sql-driver/mysql", databases, false},
		{"github.com/lib/pq", stores, false},
		{"github.com/mattn/go-sqlite3", stores, false},
		{"modernc.org/sqlite", databases, false},
		{"github.com/pressly/goose", stores, false},
		{"github.com/fsnotify/fsnotify", []string{"internal/folder"}, false},
		{"github.com/go-git", []string{"internal/folder", "internal/cli"}, false},
		{"go.opentelemetry.io", []string{"internal/telemetry"}, false},
		{"net/http", []string{"internal/youmi", "internal/fetch", "internal/notify", "internal/sandbox", "internal/events", "internal/metrics", "internal/web", "internal/cli", "internal/bench"}, false},
		{"testing", []string{}, false},
	}
}

type reservation struct {
	prefix   string
	families []string
	tests    bool
}

// source is one parsed Go file.
type source struct {
	path    string // relative to the root, with slashes
	pkg     string // import path within the module
	test    bool
	syntax  *ast.File
	imports []string
}

func TestEveryPackageImportsFromLowerFloorsOnly(t *testing.T) {
	for _, file := range sources(t) {
		if file.test {
			continue // a test may use the real thing, wherever it stands
		}
		family, floor, ok := place(file.pkg)
		if !ok {
			t.Errorf("%s: package %s has no floor: add it to floors in internal/architecture_test.go", file.path, file.pkg)
			continue
		}
		for _, name := range file.imports {
			imported, inside := strings.CutPrefix(name, module+"/")
			if !inside {
				continue
			}
			other, below, known := place(imported)
			if other == family {
				continue
			}
			if !known || below == 0 || below >= floor {
				t.Errorf("%s: %s (floor %d) imports %s (floor %d): only lower floors may be imported", file.path, file.pkg, floor, imported, below)
			}
		}
	}
}

func TestReservedLibrariesHaveOneHome(t *testing.T) {
	for _, file := range sources(t) {
		family, _, _ := place(file.pkg)
		for _, rule := range reserved() {
			if file.test && !rule.tests || slices.Contains(rule.families, family) || conformance(file.pkg) {
				continue
			}
			for _, name := range file.imports {
				if name == rule.prefix || strings.HasPrefix(name, rule.prefix+"/") {
					t.Errorf("%s: imports %s, which only %s may", file.path, name, strings.Join(append(rule.families, "a test"), ", "))
				}
			}
		}
	}
}

// conformance tells a package that holds a test suite for several implementations, such as internal/ledger/ledgertest.
func conformance(pkg string) bool { return strings.HasSuffix(pkg, "test") }

func TestNoRegistrationBySideEffect(t *testing.T) {
	for _, file := range sources(t) {
		if file.test {
			continue
		}
		for _, declaration := range file.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: has func init(): wire things together where they are used, in internal/cli", file.path)
			}
		}
	}
}

// Names that say nothing about what a thing is for. Handlers are what net/http calls them, and allowed beside it.
func TestNamesSayWhatThingsAre(t *testing.T) {
	empty := regexp.MustCompile(`(?i)(manager|helper|util|utils|common|base)$`)
	handler := regexp.MustCompile(`(?i)handler$`)
	for _, file := range sources(t) {
		if file.test {
			continue
		}
		if name := file.syntax.Name.Name; empty.MatchString(name) || handler.MatchString(name) {
			t.Errorf("%s: package %s: name it after what it holds", file.path, name)
		}
		serves := slices.Contains(file.imports, "net/http")
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if ok && (empty.MatchString(spec.Name.Name) || !serves && handler.MatchString(spec.Name.Name)) {
				t.Errorf("%s: type %s: name it after what it is", file.path, spec.Name.Name)
			}
			return true
		})
	}
}

func TestNothingStrayAtTheTop(t *testing.T) {
	allowed := []string{
		"go.mod", "go.sum", "Makefile", "README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE",
		"cmd", "docs", "engine", "examples", "internal", "steps", "workflows",
		"bin", "dist", "coverage.out", // built here, and ignored by git
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".prof") || slices.Contains(allowed, name) {
			continue
		}
		t.Errorf("%s does not belong at the top of the repository", name)
	}
}

// Every package says at its top what belongs there.
func TestEveryPackageHasADocComment(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range sources(t) {
		if file.test {
			continue
		}
		documented[file.pkg] = documented[file.pkg] || file.syntax.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

const root = ".."

// place finds the family of a package and its floor.
func place(pkg string) (family string, floor int, ok bool) {
	known := floors()
	for family = pkg; family != "."; family = path.Dir(family) {
		if floor, ok = known[family]; ok {
			return family, floor, true
		}
	}
	return pkg, 0, false
}

// sources parses every Go file of the module, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parse(name)
		files = append(files, file)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func parse(name string) (source, error) {
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	relative = filepath.ToSlash(relative)
	syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		return source{}, fmt.Errorf("parsing %s: %w", relative, err)
	}
	file := source{path: relative, pkg: path.Dir(relative), test: strings.HasSuffix(relative, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("import of %s: %w", relative, err)
		}
		file.imports = append(file.imports, imported)
	}
	return file, nil
}
