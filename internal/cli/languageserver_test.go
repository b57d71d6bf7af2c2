package cli_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// languageServer is the YAML language server that editors run, spoken to over its standard input and output.
type languageServer struct {
	t        *testing.T
	folder   string
	settings map[string]any // of the folder's .vscode/settings.json
	in       io.WriteCloser
	messages chan message
	next     int
}

// message is one of JSON-RPC: a request, an answer or a notification.
type message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

// languageServerVariable names the program node_modules/yaml-language-server/bin/yaml-language-server.
const languageServerVariable = "YAML_LANGUAGE_SERVER"

// startLanguageServer opens a folder as an editor does. Without node or the package the test is left out.
func startLanguageServer(t *testing.T, folder string) *languageServer {
	t.Helper()
	program := os.Getenv(languageServerVariable)
	if program == "" {
		t.Skip("SKIPPED: " + languageServerVariable + " does not name a YAML language server; make editors fetches one and runs this")
	}
	command := exec.CommandContext(t.Context(), "node", program, "--stdio")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	s := &languageServer{t: t, folder: folder, in: in, messages: make(chan message)}
	ended := make(chan struct{})
	go s.read(bufio.NewReader(out), ended)
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Process.Kill() // it has nothing to save
		for range s.messages {     // what is left to read
		}
		<-ended
		_ = command.Wait()
	})
	text, err := os.ReadFile(filepath.Join(folder, ".vscode", "settings.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s.settings))
	s.open()
	return s
}

// open introduces the editor and its folder.
func (s *languageServer) open() {
	root := address(s.folder)
	s.request("initialize", map[string]any{
		"processId": os.Getpid(), "rootUri": root,
		"workspaceFolders": []any{map[string]any{"uri": root, "name": "campaigns"}},
		"capabilities": map[string]any{
			"workspace": map[string]any{"configuration": true, "workspaceFolders": true},
			"textDocument": map[string]any{
				"publishDiagnostics": map[string]any{},
				"completion":         map[string]any{"completionItem": map[string]any{"snippetSupport": true, "documentationFormat": []string{"markdown"}}},
			},
		},
	})
	s.notify("initialized", map[string]any{})
	s.notify("workspace/didChangeConfiguration", map[string]any{"settings": map[string]any{"yaml": s.section("yaml")}})
}

// section collects the settings under a name: "yaml.schemas" is schemas of yaml.
func (s *languageServer) section(name string) map[string]any {
	found := map[string]any{}
	for key, value := range s.settings {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			found[rest] = value
		}
	}
	return found
}

func address(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func (s *languageServer) read(out *bufio.Reader, ended chan struct{}) {
	defer close(ended)
	defer close(s.messages)
	for {
		header, err := textproto.NewReader(out).ReadMIMEHeader()
		if err != nil {
			return
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil || length < 0 || length > 64<<20 {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(out, body); err != nil {
			return
		}
		var m message
		if json.Unmarshal(body, &m) != nil {
			return
		}
		s.messages <- m
	}
}

func (s *languageServer) send(value map[string]any) {
	value["jsonrpc"] = "2.0"
	body, err := json.Marshal(value)
	require.NoError(s.t, err)
	_, err = fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(s.t, err)
}

func (s *languageServer) notify(method string, params any) {
	s.send(map[string]any{"method": method, "params": params})
}

// request waits for the answer to a request.
func (s *languageServer) request(method string, params any) json.RawMessage {
	s.t.Helper()
	s.next++
	id := strconv.Itoa(s.next)
	s.send(map[string]any{"id": s.next, "method": method, "params": params})
	answer := s.until(method, func(m message) bool { return m.Method == "" && string(m.ID) == id })
	require.Empty(s.t, string(answer.Error), method)
	return answer.Result
}

// until reads messages, and answers the server's own requests, until one is the one that is waited for.
func (s *languageServer) until(what string, wanted func(message) bool) message {
	s.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case m, open := <-s.messages:
			if !open {
				require.NoError(s.t, errors.New("the language server has ended"), what)
			}
			if wanted(m) {
				return m
			}
			s.answer(m)
		case <-late:
			require.FailNow(s.t, "the language server says nothing", what)
		}
	}
}

// answer gives the server what it asks of an editor: its settings, and otherwise nothing.
func (s *languageServer) answer(m message) {
	if m.Method == "" || len(m.ID) == 0 {
		return
	}
	var result any
	if m.Method == "workspace/configuration" {
		var asked struct {
			Items []struct{ Section string }
		}
		require.NoError(s.t, json.Unmarshal(m.Params, &asked))
		var sections []any
		for _, item := range asked.Items {
			sections = append(sections, s.section(item.Section))
		}
		result = sections
	}
	s.send(map[string]any{"id": m.ID, "result": result})
}

// marked is what an editor underlines. Lines count from 1 here.
type marked struct {
	Line    int
	Message string
}

func (m marked) String() string { return fmt.Sprintf("%d: %s", m.Line, m.Message) }

// check opens a file and returns what the server marks in it, in order.
func (s *languageServer) check(file, text string) []marked {
	s.t.Helper()
	uri, found := s.show(file, text)
	s.hide(uri)
	return found
}

// published waits for what the server marks in a file.
func (s *languageServer) published(uri string) []marked {
	s.t.Helper()
	m := s.until("diagnostics of "+uri, func(m message) bool {
		return m.Method == "textDocument/publishDiagnostics" && strings.Contains(string(m.Params), strconv.Quote(uri))
	})
	var published struct {
		Diagnostics []struct {
			Range struct {
				Start struct{ Line int }
			}
			Message string
		}
	}
	require.NoError(s.t, json.Unmarshal(m.Params, &published))
	found := []marked{}
	for _, one := range published.Diagnostics {
		found = append(found, marked{one.Range.Start.Line + 1, one.Message})
	}
	slices.SortStableFunc(found, func(a, b marked) int { return a.Line - b.Line })
	return found
}

// show opens a file that need not be on the disk, and waits until the server has looked at it.
func (s *languageServer) show(file, text string) (uri string, found []marked) {
	s.t.Helper()
	s.next++
	uri = address(filepath.Join(s.folder, file))
	s.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": s.next, "text": text}})
	return uri, s.published(uri)
}

// hide closes a file: the server takes back what it marked.
func (s *languageServer) hide(uri string) {
	s.t.Helper()
	s.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri}})
	require.Empty(s.t, s.published(uri))
}

// complete returns what the server proposes where ‸ stands in a text.
func (s *languageServer) complete(file, text string) []string {
	s.t.Helper()
	before, after, found := strings.Cut(text, "‸")
	require.True(s.t, found)
	uri, _ := s.show(file, before+after)
	line := strings.Count(before, "\n")
	character := len(before) - strings.LastIndex(before, "\n") - 1
	result := s.request("textDocument/completion", map[string]any{
		"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": character},
	})
	s.hide(uri)
	var list struct {
		Items []struct{ Label string }
	}
	require.NoError(s.t, json.Unmarshal(result, &list))
	var labels []string
	for _, item := range list.Items {
		labels = append(labels, item.Label)
	}
	return labels
}

// format returns a text as the server lays it out.
func (s *languageServer) format(file, text string) string {
	s.t.Helper()
	uri, _ := s.show(file, text)
	result := s.request("textDocument/formatting", map[string]any{
		"textDocument": map[string]any{"uri": uri}, "options": map[string]any{"tabSize": 2, "insertSpaces": true},
	})
	s.hide(uri)
	var edits []struct{ NewText string }
	require.NoError(s.t, json.Unmarshal(result, &edits))
	if len(edits) == 0 {
		return text
	}
	require.Len(s.t, edits, 1, "the whole text is one edit")
	return edits[0].NewText
}
