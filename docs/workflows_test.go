package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/steps"
	"youmiflow/workflows"
)

// A block of YAML that has steps at its top is a whole workflow, and is checked like one.
var hasSteps = regexp.MustCompile(`(?m)^steps:`)

func TestWorkflowsInGuidesAreValid(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	checked := 0
	for name, page := range pages(t) {
		blocks, _ := parts(page)
		for _, block := range blocks {
			if block.language != "yaml" || !hasSteps.MatchString(block.text) {
				continue
			}
			checked++
			_, problems := workflows.ParseIn(name, []byte(block.text), catalogue, shelf(blocks))
			require.Empty(t, problems, "%s, the workflow below line %d", name, block.line)
		}
	}
	require.GreaterOrEqual(t, checked, 3)
}

// shelf finds the workflows of one page by their names, for those that call another.
type shelf []block

func (s shelf) Source(name string) (string, []byte, error) {
	for _, one := range s {
		if strings.HasPrefix(one.text, "name: "+name+"\n") {
			return name + ".yaml", []byte(one.text), nil
		}
	}
	return "", nil, fmt.Errorf("the page has no workflow %q", name)
}

// The table of the catalogue names exactly the steps there are.
func TestLanguageNamesEveryStep(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	page := pages(t)["docs/language.md"]
	_, section, found := strings.Cut(page, "## The catalogue\n")
	require.True(t, found)
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+(?:\\.[a-z_]+)?)` \\| [^|]* \\|$").FindAllStringSubmatch(section, -1) {
		named = append(named, row[1])
	}
	require.ElementsMatch(t, catalogue.Names(), named)
}

// The example of a youmiflow.yaml is a valid one.
func TestConfigurationInGuideIsValid(t *testing.T) {
	blocks, _ := parts(pages(t)["docs/configuration.md"])
	require.NotEmpty(t, blocks)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(blocks[0].text), 0o600))
	project, problems := workflows.LoadProject(dir, func(string) (string, bool) { return "", false })
	require.Empty(t, problems)
	require.Contains(t, project.Connections, "default")
}
