package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/events"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// Every key that the language has is explained, and stands in an example that is checked; the lists are the parser's own.
func TestEveryKeyIsExplainedWithAnExample(t *testing.T) {
	all := pages(t)
	used, explained := map[string]bool{}, ""
	for _, name := range []string{"docs/language.md", "docs/limits.md"} {
		blocks, prose := parts(all[name])
		explained += strings.Join(prose, "\n")
		for _, block := range blocks {
			var document yaml.Node
			if block.language != "yaml" || yaml.Unmarshal([]byte(block.text), &document) != nil || len(document.Content) == 0 {
				continue
			}
			of := "workflow"
			if document.Content[0].Kind == yaml.SequenceNode {
				of = "step"
			}
			note(document.Content[0], of, used)
		}
	}
	for _, set := range workflows.KeySets() {
		for _, key := range set.Keys {
			require.True(t, used[set.Of+"."+key], "no example has the key %q of %s", key, set.Of)
			require.Contains(t, explained, "`"+key+"`", "the key %q of %s is not explained", key, set.Of)
		}
	}
}

// inside says what kind of object stands below a key of another; "*" is any key of the author's choice.
func inside(of, key string) string {
	return map[string]string{
		"workflow.params": "params", "params.*": "param", "workflow.triggers": "trigger", "workflow.send_window": "send_window",
		"workflow.limits": "limits", "limits.*": "limit", "limit.rest": "rest",
		"workflow.steps": "step", "workflow.finally": "step", "step.steps": "step", "step.finally": "step", "step.retry": "retry",
		"step.foreach": "foreach", "step.parallel": "parallel", "parallel.*": "branch", "branch.steps": "step", "step.wait": "wait",
		"step.approve": "approve", "foreach.waves": "waves", "foreach.stop_when": "stop_when",
	}[of+"."+key]
}

// note gathers the keys of an example by the kind of object they stand in.
func note(node *yaml.Node, of string, used map[string]bool) {
	switch {
	case of == "":
	case node.Kind == yaml.SequenceNode:
		switch of { // a list in place of the object
		case "waves":
			of = "wave"
		case "branch":
			of = "step"
		}
		for _, child := range node.Content {
			note(child, of, used)
		}
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			used[of+"."+key] = true
			below := inside(of, key)
			if below == "" {
				below = inside(of, "*")
			}
			note(node.Content[i+1], below, used)
		}
	}
}

// Every name that expressions have is in the table of names.
func TestEveryNameOfExpressionsIsExplained(t *testing.T) {
	_, section, found := strings.Cut(pages(t)["docs/language.md"], "\n## Expressions\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range []string{"params", "run", "steps", "item", "variant", "event", "secrets", "error"} {
		require.Regexp(t, fmt.Sprintf("`%s[.`]", name), section)
	}
	for _, name := range []string{"success", "failure", "cancelled", "always", "now", "sample", "digest"} {
		require.Contains(t, section, "`"+name+"(")
		require.True(t, slices.Contains(expression.Functions(), name))
	}
}

// The kinds of events that a workflow can name are those that the receiving end knows, and the page of events lists them.
func TestEveryEventIsExplained(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "internal", "events", "event.go"))
	require.NoError(t, err)
	page := pages(t)["docs/events.md"]
	var known []string
	for _, constant := range regexp.MustCompile(`\bKind[A-Z]\w* +Kind = "([a-z._]+)"|const Kind\w+ Kind = "([a-z._]+)"`).FindAllStringSubmatch(string(source), -1) {
		kind := constant[1] + constant[2]
		known = append(known, kind)
		require.Contains(t, page, "`"+kind+"`")
	}
	require.ElementsMatch(t, known, workflows.EventKinds())
}

// What the page has one push is read as it says.
func TestThePushesOfThePage(t *testing.T) {
	page := pages(t)["docs/events.md"]
	bodies := regexp.MustCompile(`(?m)^curl -d '(.+)'`).FindAllStringSubmatch(page, -1)
	require.Len(t, bodies, 2)
	for i, kind := range []events.Kind{events.KindMessageReceived, events.KindChat} {
		event := events.Read([]byte(bodies[i][1]), time.Now())
		require.Equal(t, []any{kind, "135380", "wxid_1", "退订", events.PartyCustomer}, []any{event.Kind, event.Account, event.Friend, event.Content, event.From})
	}
	source, err := os.ReadFile(filepath.Join(root, "internal", "events", "read.go"))
	require.NoError(t, err)
	for _, names := range regexp.MustCompile(`fields\.text\(("(?:ad_wechat|ad_friend|ad_chatting)[^)]+)\)`).FindAllStringSubmatch(string(source), -1) {
		require.Contains(t, page, strings.ReplaceAll(names[1], `"`, "`"))
	}
}
