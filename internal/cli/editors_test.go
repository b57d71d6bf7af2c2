package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/cli"
	"youmiflow/steps"
)

// newProject is a folder as init makes it.
func newProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var stderr bytes.Buffer
	code := cli.Main(context.Background(), []string{"init", dir, "--quiet"}, cli.Environment{Stdout: &stderr, Stderr: &stderr, Lookup: os.LookupEnv})
	require.Zero(t, code, stderr.String())
	return dir
}

// rightFiles are files that nothing is wrong with, by what they are called in a project: what init writes, every example, every
// whole workflow of the guides, and the examples of the catalogue.
func rightFiles(t *testing.T, project string) map[string][]string {
	t.Helper()
	files := []string{filepath.Join(project, "workflows", "first-campaign.yaml"), filepath.Join(project, "youmiflow.yaml")}
	for _, pattern := range []string{"../../examples/*.yaml", "../../examples/*/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	good := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		switch base := filepath.Base(file); {
		case base == "youmiflow.yaml":
			good["youmiflow.yaml"] = append(good["youmiflow.yaml"], string(text))
		case !strings.HasSuffix(base, ".test.yaml"):
			good["workflows/"+base] = append(good["workflows/"+base], string(text))
		}
	}
	good["workflows/guide.yaml"] = guideWorkflows(t)
	good["workflows/catalogue.yaml"] = []string{catalogueExamples(t)}
	require.Greater(t, len(good), 15)
	require.Greater(t, len(good["workflows/guide.yaml"]), 3)
	require.Len(t, good["youmiflow.yaml"], 2)
	return good
}

func TestEditorMarksNothingInGoodFiles(t *testing.T) {
	s := startLanguageServer(t, newProject(t))
	for name, texts := range rightFiles(t, s.folder) {
		for _, text := range texts {
			require.Empty(t, s.check(name, text), "%s\n%s", name, text)
		}
	}
	require.Empty(t, s.check("workflows/first-campaign.test.yaml", "tests: []\n"), "a test of a workflow is no workflow")
	require.Empty(t, s.check(".github/workflows/youmiflow.yaml", "on: push\n"), "nor is a file of the CI")
}

// What the language server checks where there is one, a validator of JSON Schema checks anywhere.
func TestSchemasAcceptGoodFiles(t *testing.T) {
	project := newProject(t)
	schemas := map[string]*jsonschema.Resolved{}
	for _, kind := range []string{"workflow", "project"} {
		text, err := os.ReadFile(filepath.Join(project, ".vscode", "youmiflow-"+kind+".schema.json"))
		require.NoError(t, err)
		var s jsonschema.Schema
		require.NoError(t, json.Unmarshal(text, &s))
		schemas[kind], err = s.Resolve(nil)
		require.NoError(t, err)
	}
	for name, texts := range rightFiles(t, project) {
		kind := "workflow"
		if name == "youmiflow.yaml" {
			kind = "project"
		}
		for _, text := range texts {
			var document any
			require.NoError(t, yaml.Unmarshal([]byte(text), &document))
			plain, err := json.Marshal(document) // what YAML reads as a date becomes text again
			require.NoError(t, err)
			var instance any
			require.NoError(t, json.Unmarshal(plain, &instance))
			require.NoError(t, schemas[kind].Validate(instance), "%s\n%s", name, text)
		}
	}
}

// catalogueExamples is the example of every step, one after the other.
func catalogueExamples(t *testing.T) string {
	t.Helper()
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	text := "steps:\n"
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		text += "  - " + strings.ReplaceAll(strings.TrimSpace(step.Example), "\n", "\n    ") + "\n"
	}
	return text
}

// guideWorkflows are the whole workflows in the guides.
func guideWorkflows(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	var found []string
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, part := range strings.Split(string(text), "\n```yaml\n")[1:] { // those of docs/diagnostics.md say more in their fence
			block, _, _ := strings.Cut(part, "\n```")
			if strings.HasPrefix(block, "steps:") || strings.Contains(block, "\nsteps:") {
				found = append(found, block+"\n")
			}
		}
	}
	return found
}

// The layout of a file is left to editors: what they make of it says the same, and has every comment.
func TestEditorFormatsWithoutChangingAnything(t *testing.T) {
	s := startLanguageServer(t, newProject(t))
	require.Equal(t, "steps:\n  # why\n  - uses: log # what\n\n    with: { message: hi }\n",
		s.format("workflows/odd.yaml", "steps:\n# why\n-   uses:   log # what\n\n\n\n    with: {message: hi}"))
	for name, texts := range rightFiles(t, s.folder) {
		for _, text := range texts {
			formatted := s.format(name, text)
			var before, after any
			require.NoError(t, yaml.Unmarshal([]byte(text), &before))
			require.NoError(t, yaml.Unmarshal([]byte(formatted), &after))
			require.Equal(t, before, after, "%s\n%s", name, formatted)
			require.Equal(t, strings.Count(text, "#"), strings.Count(formatted, "#"), name)
		}
	}
}

// What is wrong at one place is marked there, in words that help.
func TestEditorMarksMistakes(t *testing.T) {
	s := startLanguageServer(t, newProject(t))
	for _, one := range []struct {
		name, text, message string
		line                int
	}{
		{"a misspelt key of the file", "stpes: []\nsteps:\n  - wait: 2d\n", "Property stpes is not allowed", 1},
		{"no steps", "name: x\n", `Missing property "steps"`, 1},
		{"a misspelt key of a step", "steps:\n  - wait: 2d\n    contnue_on_error: true\n", "Property contnue_on_error is not allowed", 3},
		{"a step that does nothing", "steps:\n  - wait: 2d\n  - name: x\n", `a step needs one of "uses", "foreach"`, 3},
		{"a step that does two things", "steps:\n  - wait: 2d\n    approve: sure\n", `a step does one thing: this one has "wait" already`, 3},
		{"an unknown step", "steps:\n  - uses: mesage.send\n", "there is no such step", 2},
		{"an input that there is not", "steps:\n  - uses: log\n    with:\n      message: hi\n      mesage: hi\n", "Property mesage is not allowed", 5},
		{"a missing input", "steps:\n  - wait: 2d\n  - uses: takeover.apply\n    with:\n      account: a\n", `Missing property "friend"`, 4},
		{"no inputs at all", "steps:\n  - uses: log\n", `Missing property "with"`, 2},
		{"nobody to send to", "steps:\n  - uses: message.send\n    with: { text: hi }\n", `this needs "takeover" or "account" and "friend"`, 3},
		{"two contents", "steps:\n  - uses: message.send\n    with:\n      account: a\n      friend: f\n      text: hi\n      card: x\n", `only one of "text", "image"`, 7},
		{"a wrong word", "steps:\n  - uses: message.send\n    with:\n      account: a\n      friend: f\n      text: hi\n      channel: wechat\n", `Valid values: "personal", "wecom"`, 7},
		{"an address without its beginning", "steps:\n  - uses: message.send\n    with:\n      account: a\n      friend: f\n      image: example.com/a.png\n", "write an address that begins with http:// or https://", 6},
		{"a handle that is text", "steps:\n  - uses: takeover.end\n    with: { takeover: hold }\n", "write the takeover that a step gives", 3},
		{"a number where a duration belongs", "deadline: 12\nsteps:\n  - wait: 2d\n", "write a duration such as 30s", 1},
		{"a duration in words", "steps:\n  - wait: 2 days\n", "write a duration such as 2d", 2},
		{"no percentage", "steps:\n  - foreach: { in: \"${{ [1] }}\", as: row, tolerate: few }\n    steps:\n      - wait: 2d\n", "write a whole number such as 20, or a percentage such as 10%", 2},
		{"a wrong wave", "steps:\n  - foreach:\n      in: ${{ [1] }}\n      as: row\n      waves:\n        - 20\n        - most\n    steps:\n      - wait: 2d\n", "a percentage such as 10%", 7},
		{"a wrong event", "triggers:\n  - event: chta\nsteps:\n  - wait: 2d\n", `Valid values: "chat"`, 2},
		{"a wrong overlap", "triggers:\n  - schedule: \"@daily\"\n    overlap: wait\nsteps:\n  - wait: 2d\n", `Valid values: "skip", "queue"`, 3},
		{"half a window", "send_window:\n  from: \"09:00\"\nsteps:\n  - wait: 2d\n", `Missing property "to"`, 1},
		{"a param type", "params:\n  n:\n    type: int\nsteps:\n  - wait: 2d\n", `Valid values: "string", "integer"`, 3},
		{"a default of another type", "params:\n  n:\n    type: integer\n    default: x\nsteps:\n  - wait: 2d\n", "Incorrect type", 4},
		{"a rate in words", "limits:\n  account:\n    rate: 20 per minute\nsteps:\n  - wait: 2d\n", "write a rate such as 20/min", 3},
		{"half a frequency cap", "limits:\n  account:\n    rate: 20/min\n    max: 2\nsteps:\n  - wait: 2d\n", `a frequency cap is so many contacts, "max", within a span of time, "per"`, 2},
	} {
		found := s.check("workflows/wrong.yaml", one.text)
		require.NotEmpty(t, found, one.name)
		require.Equal(t, one.line, found[0].Line, "%s: %v", one.name, found)
		require.Contains(t, found[0].Message, one.message, one.name)
		require.LessOrEqual(t, len(found), 2, "%s: %v", one.name, found)
	}
	for text, want := range map[string]marked{
		"conections: {}\n":                          {1, "Property conections is not allowed"},
		"connections:\n  default:\n    client: x\n": {3, "Property client is not allowed"},
		"connections:\n  default:\n    operations:\n      x: { method: PUT }\n":    {4, `Valid values: "GET", "POST"`},
		"connections:\n  default:\n    operations:\n      x: { path: v2/a }\n":     {4, "a path that begins with /"},
		"limits:\n  account:\n    by: call.account\n    hourly: many\n":            {4, "Incorrect type"},
		"database: sqlite://a.db\nhttp:\n  hosts: [a.com]\n  alow_private: true\n": {4, "Property alow_private is not allowed"},
	} {
		found := s.check("youmiflow.yaml", text)
		require.Len(t, found, 1, text)
		require.Equal(t, want.Line, found[0].Line, text)
		require.Contains(t, found[0].Message, want.Message, text)
	}
}

// An editor proposes what can be written at a place.
func TestEditorCompletes(t *testing.T) {
	s := startLanguageServer(t, newProject(t))
	for _, one := range []struct {
		text  string
		wants []string
		nots  []string
	}{
		{"‸", []string{"name", "params", "triggers", "send_window", "steps", "finally", "outputs"}, []string{"uses"}},
		{"steps:\n  - ‸", []string{"id", "if", "uses", "foreach", "parallel", "call", "wait", "approve", "set"}, []string{"triggers"}},
		{"steps:\n  - uses: log\n    ‸", []string{"with", "retry", "timeout"}, []string{"uses"}},
		{"steps:\n  - uses: ‸", []string{"takeover.apply", "message.send", "audience.file", "log"}, []string{"uses"}},
		{"steps:\n  - uses: message.send\n    with:\n      ‸", []string{"takeover", "account", "friend", "channel", "text", "image", "refund"}, []string{"messages", "path", "uses"}},
		{"steps:\n  - uses: message.send\n    with:\n      channel: ‸", []string{"personal", "wecom"}, nil},
		{"steps:\n  - uses: message.send\n    with:\n      video:\n        ‸", []string{"url", "title", "thumbnail"}, []string{"text"}},
		{"steps:\n  - uses: message.batch\n    with:\n      messages:\n        - ‸", []string{"text", "image", "link"}, []string{"card", "account"}},
		{"steps:\n  - foreach:\n      in: x\n      ‸", []string{"as", "key", "where", "waves", "tolerate", "variants", "stop_when"}, []string{"uses"}},
		{"steps:\n  - foreach:\n      in: x\n    steps:\n      - uses: takeover.end\n        with:\n          ‸", []string{"takeover"}, []string{"account"}},
		{"steps:\n  - parallel:\n      a:\n        - ‸", []string{"uses", "wait"}, nil},
		{"steps:\n  - wait:\n      ‸", []string{"until", "every", "for"}, nil},
		{"steps:\n  - approve:\n      default: ‸", []string{"approve", "reject"}, nil},
		{"triggers:\n  - event: ‸", []string{"chat", "device.fault"}, nil},
		{"triggers:\n  - schedule: x\n    overlap: ‸", []string{"skip", "queue", "cancel", "allow"}, nil},
		{"params:\n  a:\n    type: ‸", []string{"string", "file", "duration"}, nil},
		{"limits:\n  account:\n    ‸", []string{"by", "match", "rate", "gap", "daily", "warm_up", "per", "over"}, nil},
	} {
		labels := s.complete("workflows/new.yaml", one.text)
		require.Subset(t, labels, one.wants, one.text)
		for _, not := range one.nots {
			require.NotContains(t, labels, not, one.text)
		}
	}
	require.Subset(t, s.complete("workflows/new.test.yaml", "tests:\n  - ‸"), []string{"name", "clock", "during", "expect"})
	require.Subset(t, s.complete("workflows/new.test.yaml", "tests:\n  - name: a\n    during:\n      - ‸"), []string{"at", "event", "approve", "crash"})
	for text, wants := range map[string][]string{
		"‸":                               {"connections", "limits", "suppress", "http"},
		"connections:\n  default:\n    ‸": {"base_url", "client_id", "operations"},
		"connections:\n  default:\n    operations:\n      ‸":                       {"endTakeOver", "applyTakeOver"},
		"connections:\n  default:\n    operations:\n      endTakeOver:\n        ‸": {"path", "method", "confirmed", "fields"},
	} {
		require.Subset(t, s.complete("youmiflow.yaml", text), wants, text)
	}
}
