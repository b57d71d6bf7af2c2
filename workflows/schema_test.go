package workflows

import (
	"encoding/json"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// The whole schema is looked at when it changes: go test ./workflows -run Schema -update writes it anew.
func TestSchemasAreAsTheyWere(t *testing.T) {
	for name, write := range map[string]func(Catalogue) ([]byte, error){"workflow": WorkflowSchema, "project": ProjectSchema} {
		got, err := write(newTestCatalogue())
		require.NoError(t, err)
		golden := filepath.Join("testdata", "schema", name+".json")
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		again, err := write(newTestCatalogue())
		require.NoError(t, err)
		require.Equal(t, string(got), string(again), "the same each time")
	}
}

// Every set of keys that the parser reads has a shape and a sentence for each, and is in the schema.
func TestEveryKeySetIsTold(t *testing.T) {
	listed := map[string]bool{}
	for _, object := range Objects() {
		require.False(t, listed[object.Name], object.Name)
		listed[object.Name] = true
		require.NotEmpty(t, object.Title)
		for _, key := range object.Keys {
			require.True(t, strings.HasSuffix(key.About, "."), "%s.%s: %q is no sentence", object.Name, key.Name, key.About)
		}
	}
	for _, kind := range objectKinds() {
		for _, key := range kind.keys.keys {
			require.NotNil(t, key.holds, "%s.%s has no shape", kind.name, key.name)
		}
		for _, name := range kind.keys.needed {
			require.Contains(t, kind.keys.known, name, kind.name)
		}
	}
	sets, told := keySets(t)
	require.ElementsMatch(t, sets, told, "every key set stands in objectKinds")
}

// keySets finds the variables that hold key sets, and those that objectKinds lists.
func keySets(t *testing.T) (sets, told []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CompositeLit:
				made, plain := node.Type.(*ast.Ident)
				require.False(t, plain && made.Name == "keySet" && name != "keys.go" && name != "reader.go", "%s: make a key set with keySetOf, which asks for shapes and sentences", name)
			case *ast.ValueSpec:
				for i, value := range node.Values {
					if callsKeySetOf(value) {
						sets = append(sets, node.Names[i].Name)
					}
				}
			case *ast.FuncDecl:
				if node.Name.Name == "objectKinds" {
					told = append(told, identifiers(node.Body, "Keys")...)
				}
			}
			return true
		})
	}
	return sets, told
}

func callsKeySetOf(value ast.Expr) bool {
	found := false
	ast.Inspect(value, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		found = found || ok && name.Name == "keySetOf"
		return true
	})
	return found
}

func identifiers(node ast.Node, suffix string) []string {
	var found []string
	ast.Inspect(node, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok && strings.HasSuffix(name.Name, suffix) {
			found = append(found, name.Name)
		}
		return true
	})
	return found
}

// validator checks documents against a schema.
func validator(t testing.TB, write func(Catalogue) ([]byte, error)) func(source string) error {
	t.Helper()
	text, err := write(newTestCatalogue())
	require.NoError(t, err)
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal(text, &s))
	resolved, err := s.Resolve(nil)
	require.NoError(t, err)
	return func(source string) error {
		var document yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(source), &document), source)
		require.NotEmpty(t, document.Content, source)
		return resolved.Validate(plainValue(t, document.Content[0]))
	}
}

// plainValue is YAML as an editor sees it: version 1.2, which has no dates.
func plainValue(t testing.TB, node *yaml.Node) any {
	switch node.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			object[node.Content[i].Value] = plainValue(t, node.Content[i+1])
		}
		return object
	case yaml.SequenceNode:
		list := []any{}
		for _, child := range node.Content {
			list = append(list, plainValue(t, child))
		}
		return list
	}
	if node.Tag == "!!timestamp" {
		return node.Value
	}
	var value any
	require.NoError(t, node.Decode(&value))
	return value
}

func TestSchemaAcceptsWhatIsRight(t *testing.T) {
	check := validator(t, WorkflowSchema)
	files, err := filepath.Glob("testdata/ok/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, check(string(source)), file)
	}
}

// object is one within a smallest file around it. Bases are what such objects hold at the least, one for each way of
// writing them.
type object struct {
	kind, file string
	bases      []string // flow mappings without their braces
}

const end = "\nsteps: [{ uses: log, with: { message: hi } }]"

func workflowObjects() []object {
	step := "steps: [{ %s }]"
	return []object{
		{"workflow", "{ %s }", []string{"steps: [{ uses: log, with: { message: hi } }]"}},
		{"param", "params: { p: { %s } }" + end, []string{"", "type: integer", "type: list"}},
		{"trigger", "triggers: [{ %s }]" + end, []string{`schedule: "@daily"`, "at: 2026-11-11T10:00:00+08:00", "event: chat", ""}},
		{"send_window", "send_window: { %s }" + end, []string{`from: "09:00", to: "21:00"`, `from: "09:00"`}},
		{"limit", "limits: { a: { %s } }" + end, []string{"rate: 20/min", "max: 2, per: 7d", ""}},
		{"rest", "limits: { a: { rest: { %s } } }" + end, []string{"after: 3, for: 2m", "after: 3"}},
		{"step", step, []string{
			"uses: log, with: { message: hi }", "foreach: { in: [1], as: row }, steps: [{ wait: 1s }]", "parallel: { a: [{ wait: 1s }] }", "steps: [{ wait: 1s }]",
			"wait: 2d", "wait: { until: now() > now() }", "approve: sure", "id: a, set: { x: 1 }", "id: a", "set: { x: 1 }",
		}},
		{"retry", "steps: [{ uses: log, with: { message: hi }, retry: { %s } }]", []string{"attempts: 2", ""}},
		{"foreach", "steps: [{ foreach: { %s }, steps: [{ wait: 1s }] }]", []string{"in: [1], as: row", "in: [1]"}},
		{"waves", "steps: [{ foreach: { in: [1], as: row, waves: { %s } }, steps: [{ wait: 1s }] }]", []string{"sizes: [20, 10%]", ""}},
		{"wave", "steps: [{ foreach: { in: [1], as: row, waves: [{ %s }] }, steps: [{ wait: 1s }] }]", []string{"size: 20", ""}},
		{"stop_when", "steps: [{ foreach: { in: [1], as: row, stop_when: { %s } }, steps: [{ wait: 1s }] }]", []string{"event: chat", ""}},
		{"branch", "steps: [{ parallel: { a: { %s } } }]", []string{"steps: [{ wait: 1s }]", ""}},
		{"wait", "steps: [{ wait: { %s } }]", []string{"until: now() > now()", ""}},
		{"approve", "steps: [{ approve: { %s } }]", []string{"text: sure", "for: 2h", ""}},
		{"with", "steps: [{ uses: message.send, with: { %s } }]", []string{"account: a, friend: f, text: hi", "account: a, friend: f", "account: a, text: hi", ""}},
		{"with forward", "steps: [{ uses: message.forward, with: { %s } }]", []string{"account: a, friend: f, from: x, flags: [{ flag: a, type: b, time: 3 }]"}},
		{"with http", "steps: [{ uses: http.request, with: { %s } }]", []string{""}},
		{"image", "steps: [{ uses: message.send, with: { account: a, friend: f, image: { %s } } }]", []string{"url: https://a.b/c", ""}},
	}
}

func projectObjects() []object {
	return []object{
		{"project", "{ %s }", []string{""}},
		{"connection", "connections: { default: { %s } }", []string{""}},
		{"v1", "connections: { default: { v1: { %s } } }", []string{""}},
		{"operation", "connections: { default: { operations: { x: { %s } } } }", []string{""}},
		{"http", "http: { %s }", []string{""}},
		{"server", "server: { %s }", []string{""}},
		{"retention", "retention: { %s }", []string{""}},
		{"tls", "server: { tls: { %s } }", []string{"cert: a.pem, key: b.pem", "cert: a.pem"}},
		{"token", "server: { tokens: [{ %s }] }", []string{"name: ci, role: operator, token: \"${TOKEN}\"", "name: ci"}},
		{"limit", "limits: { a: { %s } }", []string{"rate: 20/min"}},
	}
}

// samples are values of every sort, most of them wrong in most places.
func samples() []string {
	return []string{
		"x", `""`, `" "`, "0", "1", "50", "-1", "1.5", "100000000000", "true", "null", "[]", "{}", "[x]", "[1]", "[20, 10%]", "[{}]", "{ a: 1 }", "{ a: x }", "{ a-b: 1 }",
		"10%", "0%", "101%", "2s", "2s..5s", "2s .. 5s", "1h30m", "2 days", "20/min", "20 / h", "20/week", `"09:00"`, `"9:00"`, `"24:00"`, "2026-11-11", "2026-11-11T10:00:00+08:00",
		`"@daily"`, `"0 10 * * MON-FRI"`, "MON-FRI", "Asia/Shanghai", `"${{ 1 }}"`, `"${{ now() }}"`, `"${{ duration(\"2s\") }}"`, `"a ${{ now() }} b"`, `"1 == 1"`, "chat", "skip", "queue", "latest", "hold",
		"reject", "GET", "integer", "https://a.b/c", "png", "personal", "[{ wait: 1s }]", "[{ uses: log, with: { message: hi } }]", "{ steps: [{ wait: 1s }] }", "{ a: [{ wait: 1s }] }",
		"{ after: 3, for: 2m }", "{ attempts: 2 }", "{ in: [1], as: row }", "{ event: chat }", "{ url: https://a.b/c }", "{ from: \"09:00\", to: \"21:00\" }", "{ until: now() > now() }", "/v2/x", "log", "lgo",
		"{ message: hi }", "{ default: { base_url: https://a.b } }", "{ rate: 20/min }", "{ b: { rate: 20/min } }", "[{ schedule: \"@daily\" }]", "sqlite://a.db", "[crm.example.com]", `"${NAME}"`,
	}
}

// seenByEditors are the codes of problems that a schema finds too.
func seenByEditors() []string {
	return []string{"unknown-key", "missing-key", "wrong-type", "bad-duration", "bad-rate", "bad-share", "step-kind", "trigger-kind", "unknown-step", "unknown-input",
		"missing-input", "input-choice", "unknown-event", "empty"}
}

// What the parser accepts, the schema accepts; and what is wrong at one place, the schema refuses.
func TestSchemaAndParserAgree(t *testing.T) {
	workflow, project := validator(t, WorkflowSchema), validator(t, ProjectSchema)
	agreed := map[bool]int{}
	agree := func(source string, valid func(string) error, problems diagnostic.List) {
		err := valid(source)
		agreed[err == nil]++
		if slices.ContainsFunc(problems, func(d diagnostic.Diagnostic) bool { return d.Code == "not-yet" }) {
			return
		}
		if !problems.HasErrors() {
			if strings.Contains(source, "id: true") || strings.Contains(source, "connection: true") || strings.Contains(source, "as: true") {
				return // a name to the parser, and to no editor
			}
			assert.NoError(t, err, "the schema refuses what the parser accepts:\n%s", source)
			return
		}
		for _, problem := range problems {
			if slices.Contains(seenByEditors(), problem.Code) && !onlyParserSees(source, problem) {
				assert.Error(t, err, "the schema accepts what the parser refuses:\n%s\n%s", source, problem)
			}
		}
	}
	for source := range documents(workflowObjects()) {
		_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
		agree(source, workflow, problems)
	}
	for source := range documents(projectObjects()) {
		agree(source, project, projectProblems(t, source))
	}
	require.Greater(t, agreed[true], 1000)
	require.Greater(t, agreed[false], 5000)
}

func projectProblems(t *testing.T, source string) diagnostic.List {
	t.Helper()
	p := &Project{File: "youmiflow.yaml", Source: []byte(source), lookup: func(string) (string, bool) { return "", false }}
	p.Connections = map[string]*Connection{}
	p.secrets, p.databases = map[string]setting{}, map[string]setting{}
	return p.parse()
}

// onlyParserSees are problems of the codes above that need more than a look at one place, or that no schema can tell.
func onlyParserSees(source string, problem diagnostic.Diagnostic) bool {
	return problem.Code == "unknown-input" && strings.HasPrefix(problem.Message, "the trigger has no param") ||
		strings.HasSuffix(problem.Message, "cannot be an expression") || // of a param
		strings.HasSuffix(problem.Message, "and this is a date: put it in quotes") // which it is to YAML 1.1 only
}

// documents are small files: each object with each of its keys, and one that there is not, holding each sample.
func documents(objects []object) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, one := range objects {
			for b, base := range one.bases {
				if !yield(fmt.Sprintf(one.file, base)) {
					return
				}
				for _, key := range append(keysOf(one.kind), "nonsense") {
					for i, value := range samples() {
						if b > 0 && (i+b)%3 > 0 { // all of them once
							continue
						}
						if !yield(fmt.Sprintf(one.file, withKey(base, key, value))) {
							return
						}
					}
				}
			}
		}
	}
}

// withKey adds a key to the text of a flow mapping, or puts another value into it.
func withKey(base, key, value string) string {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("{ "+base+" }"), &node); err != nil {
		panic(err)
	}
	var parts []string
	for i := 0; i < len(node.Content[0].Content); i += 2 {
		if name := node.Content[0].Content[i]; name.Value != key {
			node.Content[0].Content[i+1].Style |= yaml.FlowStyle
			text, err := yaml.Marshal(node.Content[0].Content[i+1])
			if err != nil {
				panic(err)
			}
			parts = append(parts, name.Value+": "+strings.TrimSpace(string(text)))
		}
	}
	return strings.Join(append(parts, key+": "+value), ", ")
}

func keysOf(kind string) []string {
	for _, one := range objectKinds() {
		if one.name == kind {
			return slices.Clone(one.keys.known)
		}
	}
	step, _ := newTestCatalogue().Lookup(map[string]string{"with": "message.send", "with forward": "message.forward", "with http": "http.request", "image": "message.send"}[kind])
	fields := step.Inputs
	if kind == "image" {
		fields = fieldNamed(fields, "image").Fields
	}
	var names []string
	for _, field := range fields {
		names = append(names, field.Name)
	}
	return names
}
