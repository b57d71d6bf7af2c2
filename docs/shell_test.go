package docs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soon bounds every wait for something that is about to happen.
const soon = time.Minute

// shell is one that a reader types the blocks of a page into, one after the other.
type shell struct {
	t      *testing.T
	input  io.Writer
	lines  <-chan string
	errors string            // the file of what went to stderr
	urls   map[string]string // what stands in the page, and what it is in this test
}

// ended is what the shell says behind each block.
const ended = "== the block has ended =="

func openShell(t *testing.T, dir string) *shell {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-eu")
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	command.Dir, command.Stderr = dir, stderr
	command.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines, read := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		scanner := bufio.NewScanner(output)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = input.Close()
		<-read
		_ = command.Wait() // it ends with its input; what it had to say was looked at
		require.NoError(t, stderr.Close())
	})
	return &shell{t: t, input: input, lines: lines, errors: stderr.Name(), urls: map[string]string{}}
}

// run types a block and returns what came of it.
func (s *shell) run(one block) string {
	s.t.Helper()
	text := one.text
	for shown, actual := range s.urls {
		text = strings.ReplaceAll(text, shown, actual)
	}
	_, err := fmt.Fprintf(s.input, "%s\nprintf '\\n%s\\n'\n", text, ended)
	require.NoError(s.t, err)
	limit := time.After(soon)
	var out strings.Builder
	for {
		select {
		case line, more := <-s.lines:
			if line == ended {
				return out.String()
			}
			if !more {
				s.failed("fails", one, out.String())
			}
			out.WriteString(line + "\n")
		case <-limit:
			s.failed("does not end", one, out.String())
		}
	}
}

func (s *shell) failed(how string, one block, out string) {
	s.t.Helper()
	stderr, err := os.ReadFile(s.errors)
	require.NoError(s.t, err)
	require.FailNow(s.t, "the block "+how, "line %d:\n%s\n%s\n%s", one.line, one.text, out, stderr)
}

// startDaemon starts what a block says at a free address, and has the shell take it for the one of the page.
func (s *shell) startDaemon(dir string, one block) {
	s.t.Helper()
	words := strings.Fields(one.text)
	require.Equal(s.t, []string{"youmiflow", "serve"}, words[:2])
	command := exec.CommandContext(context.WithoutCancel(s.t.Context()), words[0], append(words[1:], "--listen", "127.0.0.1:0")...)
	command.Dir = dir
	stderr, err := command.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, command.Start())
	said, address := bufio.NewScanner(stderr), ""
	for address == "" {
		require.True(s.t, said.Scan(), "the daemon does not start")
		if found := regexp.MustCompile(`serving .* at (http://\S+);`).FindStringSubmatch(said.Text()); found != nil {
			address = found[1]
		}
	}
	s.urls["http://127.0.0.1:8686"] = address
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, stderr) // so that it never waits for a reader
	}()
	s.t.Cleanup(func() {
		require.NoError(s.t, command.Process.Signal(syscall.SIGTERM))
		hangs := time.AfterFunc(soon, func() { _ = command.Process.Kill() })
		defer hangs.Stop()
		<-read
		require.NoError(s.t, command.Wait(), "the daemon stops in order")
	})
}

// same compares JSON as a page shows it with what was answered. What the page leaves out is not looked at: names of an
// object, what stands for … in a text, and the rest of an array behind "…".
func same(shown, got any) error {
	switch want := shown.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no object", got)
		}
		for name, value := range want {
			found, there := object[name]
			if !there {
				return fmt.Errorf("there is no %q in %v", name, got)
			}
			if err := same(value, found); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case []any:
		array, ok := got.([]any)
		if n := len(want); ok && n > 0 && want[n-1] == "…" && len(array) >= n-1 {
			want, array = want[:n-1], array[:n-1]
		}
		if !ok || len(array) != len(want) {
			return fmt.Errorf("%v is not as long as %v", got, want)
		}
		for i := range want {
			if err := same(want[i], array[i]); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	case string:
		if text, ok := got.(string); ok && wild(want).MatchString(text) {
			return nil
		}
	default:
		if shown == got {
			return nil
		}
	}
	return fmt.Errorf("it is %v, and the page says %v", got, shown)
}

// wild is an expression for text in which … stands for anything.
func wild(text string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(text)), "…", ".*") + `$`)
}

// answered compares what a block of a page shows with what came.
func answered(t *testing.T, shown block, got string) {
	t.Helper()
	if shown.language != "json" {
		require.Regexp(t, wild(shown.text), strings.TrimSpace(got), "line %d", shown.line)
		return
	}
	var want, have any
	require.NoError(t, json.Unmarshal([]byte(shown.text), &want), "line %d", shown.line)
	require.NoError(t, json.Unmarshal([]byte(got), &have), "line %d: %s", shown.line, got)
	require.NoError(t, same(want, have), "line %d: %s", shown.line, got)
}

// Whoever types what docs/api.md says gets what it shows. Blocks of sh are typed into one shell, the one of "sh serve"
// into another; json and text behind them are what they answer.
func TestTheAPIGuideWorks(t *testing.T) {
	for _, needed := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("%s is not installed", needed)
		}
	}
	dir := t.TempDir()
	s := openShell(t, dir)
	blocks, _ := parts(pages(t)["docs/api.md"])
	typed, compared, out := 0, 0, ""
	for _, one := range blocks {
		switch one.language {
		case "sh serve":
			s.startDaemon(filepath.Join(dir, "shop"), one)
			description := describedAt(t, s.urls["http://127.0.0.1:8686"])
			theTableOfOperations(t, description)
			theTableOfErrors(t, description)
		case "sh":
			out = s.run(one)
			typed++
		case "json", "text":
			answered(t, one, out)
			compared++
		}
	}
	require.Greater(t, typed, 10)
	require.Greater(t, compared, 8)
}

// description is what the API says of itself.
type description struct {
	Paths map[string]map[string]struct {
		Summary   string
		Role      string `json:"x-role"`
		Responses map[string]struct{ Description string }
	}
	Components struct {
		Schemas struct {
			Problem struct {
				Properties struct{ Code struct{ Enum []string } }
			}
		}
	}
}

func describedAt(t *testing.T, url string) (found description) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/openapi.json", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&found))
	require.NotEmpty(t, found.Paths)
	return found
}

// theTableOfOperations is that of the API's own description: go test ./docs -run API -update writes it.
func theTableOfOperations(t *testing.T, api description) {
	t.Helper()
	table := "| operation | needs | does |\n| --- | --- | --- |\n"
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			operation := api.Paths[path][method]
			table += fmt.Sprintf("| `%s %s` | %s | %s |\n", strings.ToUpper(method), strings.TrimPrefix(path, "/api/v1"), operation.Role, operation.Summary)
		}
	}
	page := pages(t)["docs/api.md"]
	before, rest, found := strings.Cut(page, "| operation | needs | does |\n")
	require.True(t, found)
	_, behind, _ := strings.Cut(rest, "\n\n")
	want := before + table + "\n" + behind
	if *update {
		require.NoError(t, os.WriteFile("api.md", []byte(want), 0o644))
		return
	}
	require.Equal(t, want, page, "the API has changed: go test ./docs -run API -update")
}

// theTableOfErrors names every code, with the status that it is answered with.
func theTableOfErrors(t *testing.T, api description) {
	t.Helper()
	named := map[string]string{}
	for _, row := range cells(t, "api.md", "| code | status | means | do |") {
		require.NotEmpty(t, row[3], row[0])
		named[row[0]] = row[1]
	}
	require.ElementsMatch(t, api.Components.Schemas.Problem.Properties.Code.Enum, slices.Collect(maps.Keys(named)))
	for _, operations := range api.Paths {
		for _, operation := range operations {
			for status, answer := range operation.Responses {
				if _, codes, ok := strings.Cut(strings.TrimSuffix(answer.Description, "."), ": "); ok && status >= "400" {
					for code := range strings.SplitSeq(codes, ", ") {
						require.Equal(t, status, named[code], code)
					}
				}
			}
		}
	}
}
