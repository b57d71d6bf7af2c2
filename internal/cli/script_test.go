package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
	"youmiflow/internal/sandbox"
)

// Every command has its script. Besides testscript's own commands they use:
//
//	exits N COMMAND...          runs a command, which must end with that exit code
//	platform [ID SECRET]        starts a sandbox in the test and puts its URL into $URL; it accepts those credentials, or any
//	received N                  the platform has got exactly N requests, of whatever kind
//	shape FILE PATH FIELD...    the object, or each object of the array, at the path has exactly these fields, in order
//	value FILE PATH JSON        the value at the path is this one
//	keep FILE PATH NAME         puts the value at the path into $NAME
//	serve ARGUMENTS...          starts `youmiflow sandbox`, and puts the URL that it prints into $URL
//	unserve                     interrupts it, which must end it in order
//	daemon FOLDER               starts `youmiflow serve --sandbox` in a folder, with $API_TOKEN, and puts its URL into $SERVER
//	running WORKFLOW            waits until the newest run of the workflow works on its items
//	asking N                    waits until the newest run asks so many things
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_PROXY", "*")
			e.Values[servedKey{}] = new(*exec.Cmd)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "platform": scriptPlatform, "received": scriptReceived,
			"shape": scriptShape, "value": scriptValue, "keep": scriptKeep,
			"serve": scriptServe, "unserve": scriptUnserve, "running": scriptRunning,
			"asking": scriptAsking, "daemon": scriptDaemon,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, arguments []string) {
	want, err := strconv.Atoi(arguments[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(arguments[1], arguments[2:]...); err != nil {
		text, ok := strings.CutPrefix(err.Error(), "exit status ")
		if !ok {
			ts.Fatalf("%v", err)
		}
		got, err = strconv.Atoi(text)
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptPlatform(ts *testscript.TestScript, _ bool, arguments []string) {
	config := sandbox.Config{}
	if len(arguments) == 2 {
		config.Credentials = []sandbox.Credentials{{ClientID: arguments[0], ClientSecret: arguments[1]}}
	}
	box, err := sandbox.New(config)
	ts.Check(err)
	url, stop, err := sandbox.Start(context.Background(), box)
	ts.Check(err)
	ts.Setenv("URL", url)
	ts.Defer(func() {
		stop()
		ts.Check(box.Close())
	})
}

func scriptReceived(ts *testscript.TestScript, _ bool, arguments []string) {
	answer, err := http.Get(ts.Getenv("URL") + "/_sandbox/stats")
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	var stats sandbox.Stats
	ts.Check(json.Unmarshal(text, &stats))
	if fmt.Sprint(stats.Requests) != arguments[0] {
		ts.Fatalf("the platform has received %d requests, want %s", stats.Requests, arguments[0])
	}
}

func scriptShape(ts *testscript.TestScript, _ bool, arguments []string) {
	values := find(ts, arguments[0], arguments[1])
	if list, ok := decoded(ts, values).([]any); ok {
		if len(list) == 0 {
			ts.Fatalf("%s of %s is empty", arguments[1], arguments[0])
		}
		var each []json.RawMessage
		ts.Check(json.Unmarshal(values, &each))
		for _, one := range each {
			checkFields(ts, one, arguments[2:])
		}
		return
	}
	checkFields(ts, values, arguments[2:])
}

// checkFields compares the names of an object's fields, as they stand.
func checkFields(ts *testscript.TestScript, text json.RawMessage, want []string) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	open, err := decoder.Token()
	ts.Check(err)
	if open != json.Delim('{') {
		ts.Fatalf("%s is no object", text)
	}
	var got []string
	for decoder.More() {
		name, err := decoder.Token()
		ts.Check(err)
		got = append(got, name.(string))
		var skipped json.RawMessage
		ts.Check(decoder.Decode(&skipped))
	}
	if !slices.Equal(got, want) {
		ts.Fatalf("the fields are %v, want %v, in %s", got, want, text)
	}
}

func scriptValue(ts *testscript.TestScript, neg bool, arguments []string) {
	got := decoded(ts, find(ts, arguments[0], arguments[1]))
	want := decoded(ts, json.RawMessage(strings.Join(arguments[2:], " ")))
	if equal := fmt.Sprintf("%#v", got) == fmt.Sprintf("%#v", want); equal == neg {
		ts.Fatalf("%s of %s is %v, want %v", arguments[1], arguments[0], got, want)
	}
}

// scriptKeep puts a text value into a variable.
func scriptKeep(ts *testscript.TestScript, _ bool, arguments []string) {
	ts.Setenv(arguments[2], fmt.Sprint(decoded(ts, find(ts, arguments[0], arguments[1]))))
}

func decoded(ts *testscript.TestScript, text json.RawMessage) (value any) {
	ts.Check(json.Unmarshal(text, &value))
	return value
}

// find follows a path such as counts.total or 0.calls; "." is the whole.
func find(ts *testscript.TestScript, file, path string) json.RawMessage {
	value := json.RawMessage(ts.ReadFile(file))
	if path == "." {
		return value
	}
	for name := range strings.SplitSeq(path, ".") {
		if index, err := strconv.Atoi(name); err == nil {
			var list []json.RawMessage
			ts.Check(json.Unmarshal(value, &list))
			if index >= len(list) {
				ts.Fatalf("%s of %s has %d entries", path, file, len(list))
			}
			value = list[index]
			continue
		}
		var object map[string]json.RawMessage
		ts.Check(json.Unmarshal(value, &object))
		if _, ok := object[name]; !ok {
			ts.Fatalf("%s has no %s, in %s", file, name, value)
		}
		value = object[name]
	}
	return value
}

// servedKey is where a script's environment keeps the sandbox process.
type servedKey struct{}

func scriptServe(ts *testscript.TestScript, _ bool, arguments []string) {
	box := exec.Command("youmiflow", append([]string{"sandbox", "--listen", "127.0.0.1:0", "--quiet"}, arguments...)...)
	box.Dir = ts.MkAbs(".")
	output, err := box.StdoutPipe()
	ts.Check(err)
	ts.Check(box.Start())
	ts.Defer(func() { _ = box.Process.Kill() })
	url, err := bufio.NewReader(output).ReadString('\n')
	ts.Check(err)
	ts.Setenv("URL", strings.TrimSpace(url))
	*ts.Value(servedKey{}).(**exec.Cmd) = box
}

func scriptDaemon(ts *testscript.TestScript, _ bool, arguments []string) {
	daemon := exec.Command("youmiflow", "serve", "--sandbox", "--listen", "127.0.0.1:0")
	daemon.Dir, daemon.Env = ts.MkAbs(arguments[0]), append(os.Environ(), "API_TOKEN="+ts.Getenv("API_TOKEN"))
	said, err := daemon.StderrPipe()
	ts.Check(err)
	ts.Check(daemon.Start())
	told := make(chan []string, 1)
	ended := make(chan struct{})
	go func() { // it is read to its end, so that the daemon is never held up
		defer close(ended)
		defer close(told)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := servingAt.FindStringSubmatch(lines.Text()); found != nil {
				told <- found
			}
		}
	}()
	ts.Defer(func() {
		_ = daemon.Process.Kill()
		<-ended
		_ = daemon.Wait()
	})
	select {
	case found, ok := <-told:
		if !ok {
			ts.Fatalf("the daemon has ended")
		}
		ts.Setenv("SERVER", found[1])
	case <-time.After(soon):
		ts.Fatalf("the daemon does not serve")
	}
}

func scriptUnserve(ts *testscript.TestScript, _ bool, _ []string) {
	box := *ts.Value(servedKey{}).(**exec.Cmd)
	ts.Check(box.Process.Signal(os.Interrupt))
	ts.Check(box.Wait())
}

func scriptRunning(ts *testscript.TestScript, _ bool, arguments []string) {
	for limit := time.Now().Add(soon); ; <-time.After(20 * time.Millisecond) {
		var out bytes.Buffer
		cli.Main(context.Background(), []string{"--project", ts.MkAbs("."), "runs", "list", "--output", "json", "--limit", "1", "--workflow", arguments[0]},
			cli.Environment{Stdout: &out, Stderr: io.Discard, Lookup: func(string) (string, bool) { return "", false }})
		var runs []runJSON
		ts.Check(json.Unmarshal(out.Bytes(), &runs))
		if len(runs) == 1 && runs[0].Status == "running" && runs[0].Calls.Total > 0 {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("%s does not run: %s", arguments[0], &out)
		}
	}
}

func scriptAsking(ts *testscript.TestScript, _ bool, arguments []string) {
	for limit := time.Now().Add(soon); ; <-time.After(20 * time.Millisecond) {
		var out bytes.Buffer
		cli.Main(context.Background(), []string{"--project", ts.MkAbs("."), "runs", "show", "last", "--output", "json"},
			cli.Environment{Stdout: &out, Stderr: io.Discard, Lookup: func(string) (string, bool) { return "", false }})
		var run struct{ Waiting []struct{ Kind string } }
		asks := func(waits struct{ Kind string }) bool { return waits.Kind == "approve" }
		if err := json.Unmarshal(out.Bytes(), &run); err == nil && fmt.Sprint(len(run.Waiting)) == arguments[0] && slices.ContainsFunc(run.Waiting, asks) {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("it does not ask %s things: %s", arguments[0], &out)
		}
	}
}

// A command without a script has no promise that is kept.
func TestEveryCommandHasAScript(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "script"))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), ".txtar"))
	}
	_, list, found := strings.Cut(invoke(t, "--help").out, "Available Commands:\n")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" {
			require.Contains(t, names, name)
		}
	}
}
