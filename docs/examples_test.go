package docs_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
	"youmiflow/internal/diagnostic"
	"youmiflow/steps"
	"youmiflow/workflows"
)

var update = flag.Bool("update", false, "write the messages of docs/diagnostics.md anew")

// An example of docs/diagnostics.md is a block of code whose fence says what it is for:
//
//	```yaml bad NAME     a file that gives the code; NAME is flow.yaml unless given
//	```yaml alone        the same, read without its folder
//	```yaml made         the same, told in words: the file itself is made by made
//	```text              what validate says of it
//	```yaml good NAME    the file as it should be
//	```yaml file NAME    a file beside both
type example struct {
	code    string
	files   []named
	bad     []named
	good    []named
	message string
	made    bool
	alone   bool
}

type named struct{ name, text string }

// examples takes the page apart by its headings.
func examples(page string) []example {
	var list []example
	for _, section := range strings.Split(page, "\n### ")[1:] {
		code, rest, _ := strings.Cut(section, "\n")
		rest, _, _ = strings.Cut(rest, "\n## ")
		one := example{code: code}
		blocks, _ := parts(rest)
		for _, b := range blocks {
			words := append(strings.Fields(b.language), "", "", "")
			file := named{words[2], b.text}
			if file.name == "" {
				file.name = "flow.yaml"
			}
			switch {
			case words[0] == "text":
				one.message = b.text
			case words[1] == "bad", words[1] == "alone":
				one.bad, one.alone = append(one.bad, file), words[1] == "alone"
			case words[1] == "good":
				one.good = append(one.good, file)
			case words[1] == "file":
				one.files = append(one.files, file)
			case words[1] == "made":
				one.bad, one.made = append(one.bad, named{"flow.yaml", made()[code]}), true
			}
		}
		list = append(list, one)
	}
	return list
}

// made are the files that are too large, or too odd, to be shown.
func made() map[string]string {
	step := "  - { uses: log, with: { message: hi } }\n"
	return map[string]string{
		"not-utf8":             "steps:\n  - { uses: log, with: { message: \xc4\xe3\xba\xc3 } }\n",
		"bad-character":        "steps:\n  - { uses: log, with: { message: \"a\x07b\" } }\n",
		"too-large":            "steps:\n" + step + "# " + strings.Repeat("x", workflows.MaxSource),
		"too-deep":             "steps:\n  - { uses: http.request, with: { url: https://example.com, body: " + strings.Repeat("[", 101) + strings.Repeat("]", 101) + " } }\n",
		"too-many-steps":       "steps:\n" + strings.Repeat(step, 1001),
		"more":                 "steps:\n" + strings.Repeat("  - { uses: lgo }\n", 1000) + "  - { uses: log }\n",
		"expression-too-large": "steps:\n  - uses: log\n    if: " + strings.Repeat("true || ", 3000) + "true\n    with: { message: hi }\n",
		"unreadable":           "",
	}
}

// said is what youmiflow says of some files: what validate prints, else what the settings lack once they are used.
func said(t *testing.T, files []named) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	paths := map[string]string{"flow.yaml": "steps:\n  - { uses: log, with: { message: hi } }\n", "youmiflow.yaml": "limits: { account: { rate: 12/min } }\n"}
	for _, file := range files {
		paths[file.name] = file.text
	}
	for name, text := range paths {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	nothing := func(string) (string, bool) { return "", false }
	project, problems := workflows.LoadProject(".", nothing)
	if len(problems) == 0 && paths["flow.yaml"] == "" {
		require.NoError(t, os.Remove("flow.yaml"))
		_, problems = workflows.Load("flow.yaml", catalogue(t))
	}
	if len(problems) == 0 {
		var stdout, stderr bytes.Buffer
		cli.Main(context.Background(), []string{"validate", "flow.yaml"}, cli.Environment{Stdout: &stdout, Stderr: &stderr, Lookup: nothing})
		if stdout.Len() > 0 {
			return shortened(stdout.String())
		}
		require.Contains(t, stderr.String(), "no problems")
		problems = usedSettings(t, project)
	}
	for i := range problems {
		problems[i].File = filepath.Base(problems[i].File)
	}
	var out bytes.Buffer
	require.NoError(t, diagnostic.Text(&out, problems, os.ReadFile, false))
	return shortened(out.String())
}

// saidAlone is what is said of a text that is read without its folder.
func saidAlone(t *testing.T, file named) string {
	t.Helper()
	_, problems := workflows.Parse(file.name, []byte(file.text), catalogue(t))
	var out bytes.Buffer
	require.NoError(t, diagnostic.Text(&out, problems, func(string) ([]byte, error) { return []byte(file.text), nil }, false))
	return out.String()
}

func catalogue(t *testing.T) workflows.Catalogue {
	t.Helper()
	made, err := steps.New(steps.Config{})
	require.NoError(t, err)
	return made
}

// usedSettings is what is wrong with settings when they are used.
func usedSettings(t *testing.T, project *workflows.Project) diagnostic.List {
	t.Helper()
	flow, problems := workflows.Load("flow.yaml", catalogue(t))
	require.Empty(t, problems)
	var all diagnostic.List
	collect := func(err error) {
		var list diagnostic.List
		if errors.As(err, &list) {
			all = append(all, list...)
		}
	}
	if bytes.Contains(project.Source, []byte("connections:")) {
		_, err := project.Connections["default"].Resolve()
		collect(err)
	}
	_, err := project.Database()
	collect(err)
	collect(project.CheckSecrets(flow))
	collect(project.MissingLists().Err())
	return all
}

// shortened leaves the middle of a long list out, and of a long line.
func shortened(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if runes := []rune(line); len(runes) > 400 {
			lines[i] = string(runes[:400]) + " …"
		}
	}
	if len(lines) > 16 {
		lines = append(append(lines[:4:4], "…"), lines[len(lines)-10:]...)
	}
	return strings.Join(lines, "\n")
}

var codeInBrackets = regexp.MustCompile(`(?m)^\S.*\[([a-z0-9-]+)\]$`)

// Every code of the page is given by its bad example, with the message that the page shows, and not by the mended one.
func TestEveryCodeIsGivenByItsExample(t *testing.T) {
	source, err := os.ReadFile("diagnostics.md")
	require.NoError(t, err)
	page := string(source)
	for _, one := range examples(page) {
		t.Run(one.code, func(t *testing.T) {
			require.NotEmpty(t, one.bad, "there is no bad example")
			require.NotEmpty(t, one.good, "there is no mended example")
			got := said(t, append(append([]named(nil), one.files...), one.bad...))
			if one.alone {
				got = saidAlone(t, one.bad[0])
			}
			codes := map[string]bool{}
			for _, found := range codeInBrackets.FindAllStringSubmatch(got, -1) {
				codes[found[1]] = true
			}
			require.True(t, codes[one.code], "its example gives other codes:\n%s", got)
			require.True(t, len(codes) == 1 || one.code == "more", "its example gives other codes besides:\n%s", got)
			if *update {
				page = withMessage(t, page, one.code, got)
			} else {
				require.Equal(t, one.message, got)
			}
			files := append(append([]named(nil), one.files...), one.good...)
			if !one.made && !one.alone {
				files = append(append(append([]named(nil), one.files...), one.bad...), one.good...)
			}
			require.Empty(t, said(t, files), "the mended example")
		})
	}
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(home(t), "diagnostics.md"), []byte(page), 0o644))
	}
}

// home is the folder of this test, wherever the process has gone meanwhile.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

// withMessage writes what is said into the section of a code.
func withMessage(t *testing.T, page, code, message string) string {
	t.Helper()
	before, section, found := strings.Cut(page, "\n### "+code+"\n")
	require.True(t, found)
	intro, rest, found := strings.Cut(section, "```text\n")
	require.True(t, found, "%s has no block of text for the message", code)
	_, after, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	return fmt.Sprintf("%s\n### %s\n%s```text\n%s```\n%s", before, code, intro, message, after)
}
