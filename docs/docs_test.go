// Package docs_test checks the guides: links lead somewhere, workflows in them are valid, and the Chinese pages go with
// the English ones.
package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const root = ".."

// pages are all Markdown files of the repository, by their path from its top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		relative, _ := filepath.Rel(root, name)
		found[filepath.ToSlash(relative)] = string(text)
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 10)
	return found
}

// block is one fenced block of code, with the line on which its fence opens.
type block struct {
	line           int
	language, text string
}

// parts takes a page apart into its blocks of code and its other lines.
func parts(page string) (blocks []block, prose []string) {
	var open *block
	indent := ""
	for number, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			indent, _, _ = strings.Cut(line, "`")
			open = &block{line: number + 1, language: strings.Trim(trimmed, "`")}
		case open != nil && trimmed == "```":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		default:
			prose = append(prose, line)
		}
	}
	return blocks, prose
}

func headings(prose []string) []string {
	var found []string
	for _, line := range prose {
		if strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for name, page := range all {
		if strings.HasPrefix(name, "internal/cli/template/") {
			continue // its links are those of the folder that init writes
		}
		_, prose := parts(page)
		for _, found := range link.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			target, err := url.Parse(found[1])
			require.NoError(t, err, name)
			if target.Scheme != "" {
				continue
			}
			reached := name
			if target.Path != "" {
				reached = filepath.ToSlash(filepath.Join(filepath.Dir(name), target.Path))
			}
			_, err = os.Stat(filepath.Join(root, reached))
			require.NoError(t, err, "%s links to %s", name, found[1])
			if target.Fragment != "" && filepath.Ext(reached) == ".md" {
				_, prose := parts(all[reached])
				require.Contains(t, anchors(prose), target.Fragment, "%s links to %s", name, found[1])
			}
		}
	}
}

// anchors are what the headings of a page can be linked by, as GitHub makes them.
func anchors(prose []string) []string {
	var found []string
	for _, heading := range headings(prose) {
		text := strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#")))
		text = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(text, "")
		found = append(found, strings.ReplaceAll(text, " ", "-"))
	}
	return found
}

// A page in two languages says the same in both: the same order of headings, the same commands and files.
func TestTranslationsGoTogether(t *testing.T) {
	all := pages(t)
	translated := 0
	for name, chinese := range all {
		original, ok := strings.CutSuffix(name, ".zh-CN.md")
		if !ok {
			continue
		}
		translated++
		english, there := all[original+".md"]
		require.True(t, there, "%s has no English page", name)
		wantBlocks, wantProse := parts(english)
		gotBlocks, gotProse := parts(chinese)
		require.Equal(t, levels(wantProse), levels(gotProse), "%s has other headings than its English page", name)
		require.Equal(t, texts(wantBlocks), texts(gotBlocks), "%s has other code than its English page", name)
		require.Equal(t, rows(wantProse), rows(gotProse), "%s has tables of other sizes than its English page", name)
	}
	require.GreaterOrEqual(t, translated, 2)
}

func levels(prose []string) []int {
	var found []int
	for _, heading := range headings(prose) {
		found = append(found, len(heading)-len(strings.TrimLeft(heading, "#")))
	}
	return found
}

func texts(blocks []block) []string {
	var found []string
	for _, block := range blocks {
		found = append(found, block.text)
	}
	return found
}

func rows(prose []string) int {
	count := 0
	for _, line := range prose {
		if strings.HasPrefix(line, "|") {
			count++
		}
	}
	return count
}

// Every block of YAML can be read; those that are whole workflows are checked as such in workflows_test.go.
func TestYAMLCanBeRead(t *testing.T) {
	for name, page := range pages(t) {
		blocks, _ := parts(page)
		for _, block := range blocks {
			if block.language != "yaml" {
				continue
			}
			var node yaml.Node
			require.NoError(t, yaml.Unmarshal([]byte(block.text), &node), "%s, line %d", name, block.line)
		}
	}
}
