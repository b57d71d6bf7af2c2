package cli_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// workflow writes one into the folder of a project, and waits until its daemon has it.
func (s *served) workflow(c *campaign, name, text string) {
	s.t.Helper()
	c.write(filepath.Join("workflows", name+".yaml"), text)
	require.Eventually(s.t, func() bool {
		status, shown := s.ask(http.MethodGet, "/api/v1/workflows/"+name, nil)
		var found struct{ Source string }
		return status == http.StatusOK && json.Unmarshal([]byte(shown), &found) == nil && found.Source == text
	}, soon, 50*time.Millisecond)
}

// A run at a daemon elsewhere is planned, bound to its plan, watched and told of as one on the spot.
func TestARunAtADaemonElsewhere(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	d := deskOf(t, daemon, apiToken)

	code, out, stderr := d.do("plan", "double11", "--output", "json")
	require.Zero(t, code, stderr)
	here := read[map[string]any](t, "plan", filepath.Join(c.dir, "workflows", "double11.yaml"))
	var there map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &there))
	for _, what := range []string{"digest", "workflow", "items", "variants", "samples", "warnings"} {
		require.Equal(t, here[what], there[what], what)
	}
	require.Contains(t, stderr, "to run just this: youmiflow run double11 --plan sha256:")
	require.Contains(t, stderr, " --server "+d.url)
	code, out, stderr = d.do("plan", "double11", "--samples", "7")
	require.Zero(t, code, stderr)
	require.Equal(t, 7, strings.Count(out, "\nsample "))
	code, out, stderr = d.do("plan", "double11", "--test-to", "135380:me", "--rows", "2")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "135380 -> me")

	code, out, stderr = d.do("run", "double11", "--plan", "sha256:0")
	require.Equal(t, 3, code, out)
	require.Contains(t, stderr, "the plan has changed")
	require.Empty(t, c.runs(), "nothing was begun")
	code, out, stderr = d.do("run", "double11", "--plan", there["digest"].(string), "--output", "json")
	require.Zero(t, code, stderr)
	require.JSONEq(t, invoke(t, "--project", c.dir, "runs", "show", "last", "--output", "json").out, out)
	require.Contains(t, stderr, "run key-")
	require.Contains(t, stderr, "every recipient: youmiflow runs items key-")
	require.Contains(t, stderr, "warning: takeover.end uses", "what is assumed is said as on the spot")
	c.kept(box, c.runs()[0], 0)

	code, out, stderr = d.do("run", "double11", "--test-to", "135380:me", "--rows", "1")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "(TEST to 135380:me)")
	require.Contains(t, stderr, "TEST: nobody but 135380:me was messaged")
	daemon.end()
}

// A file stands for the workflow of its name, and only where the daemon has the same text in force.
func TestAFileAtADaemonElsewhere(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	d := deskOf(t, daemon, apiToken)
	const good = "name: greet\nparams: { n: { type: integer, default: 1 } }\nsteps: [{ uses: log, with: { message: \"hi ${{ params.n }}\" } }]\n"
	daemon.workflow(c, "greet", good)
	mine := filepath.Join(d.dir, "mine.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(mine, []byte(text), 0o600)) }

	write(good)
	code, out, stderr := d.do("run", "mine.yaml", "--param", "n=3", "--sandbox")
	require.Zero(t, code, stderr)
	require.Contains(t, out, " (sandbox)\nworkflow   greet\nstatus     succeeded\n")
	code, _, stderr = d.do("plan", "mine.yaml")
	require.Zero(t, code, stderr)

	write(good + "# another text\n")
	for _, command := range []string{"run", "plan"} {
		code, _, stderr = d.do(command, "mine.yaml")
		require.Equal(t, 3, code, stderr)
		require.Contains(t, stderr, "mine.yaml is not what the daemon at "+d.url+" has in force as greet: to have this text, copy it to workflows/greet.yaml")
		require.Contains(t, stderr, "write greet instead of mine.yaml")
	}
	write("name: greeet\nsteps: []\n")
	code, _, stderr = d.do("run", "mine.yaml")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, stderr, "there is no workflow greeet (did you mean greet?); bring mine.yaml to the daemon first")

	// A file that is broken there has an earlier version in force: that is what is run, and it is said.
	const bad = "name: greet\nsteps: [{ uses: lgo }]\n"
	daemon.workflow(c, "greet", bad)
	write(bad)
	code, _, stderr = d.do("run", "mine.yaml")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, stderr, "(workflows/greet.yaml there has errors: youmiflow validate greet --server "+d.url+")")
	code, _, stderr = d.do("run", "greet")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "warning: workflows/greet.yaml there has errors, so that an earlier version of it is in force")
	daemon.workflow(c, "never", "steps: [{ uses: lgo }]\n")
	code, _, stderr = d.do("run", "never")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, stderr, "workflows/never.yaml:1:17: there is no step \"lgo\"")
	require.Contains(t, stderr, "did you mean \"log\"?")
	require.Len(t, c.runs(), 2)
	daemon.end()
}

// What a daemon has is checked as it is checked on the spot, and a file before it is brought there.
func TestCheckingAtADaemonElsewhere(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	d := deskOf(t, daemon, apiToken)
	here := func(arguments ...string) result {
		p := begin(t, c.dir, append([]string{"validate"}, arguments...)...)
		code := p.wait(soon)
		return result{code, p.out.String(), p.err.String()}
	}
	code, out, stderr := d.do("validate", "--format", "json")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "assumed-operation")
	require.Contains(t, out, "workflows/double11.yaml")
	daemon.workflow(c, "bad", "steps: [{ uses: lgo }]\n")
	for _, format := range []string{"text", "json", "github", "sarif"} {
		want := here("--format", format)
		code, out, stderr := d.do("validate", "--format", format)
		require.Equal(t, want, result{code, out, stderr}, format)
	}
	code, out, stderr = d.do("validate", "bad")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, out, " 1 | steps: [{ uses: lgo }]\n")
	require.NotContains(t, out, "double11")
	require.Contains(t, stderr, "1 file checked: 1 error")
	code, _, stderr = d.do("validate", "bda")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "did you mean bad?")

	// A file is checked among the daemon's workflows, of which this one calls one.
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "mine.yaml"), []byte("steps: [{ call: double11 }, { call: nobody }]\n"), 0o600))
	code, out, stderr = d.do("validate", "mine.yaml")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, out, "mine.yaml:1:37: ")
	require.Contains(t, out, " 1 | steps: [{ call: double11 }, { call: nobody }]\n")
	require.NotContains(t, out, "mine.yaml:1:17")
	code, out, stderr = d.do("validate", ".", "--format", "github")
	require.Equal(t, 3, code, stderr)
	require.Contains(t, out, "::error file=mine.yaml,line=1")
	daemon.end()
}

// Runs end elsewhere with the codes that they end with on the spot.
func TestExitCodesOfRunsElsewhere(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:lose:first=1")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	d := deskOf(t, daemon, apiToken)
	daemon.workflow(c, "three", "steps:\n  - foreach: { in: [1, 2, 3], as: n, key: string(n) }\n    steps:\n"+
		"      - uses: message.send\n        with: { account: \"78\", friend: \"f${{ n }}\", text: hello }\n")
	daemon.workflow(c, "lists", "params: { list: { type: file, required: true } }\nsteps: [{ uses: audience.file, with: { path: \"${{ params.list }}\" } }]\n")
	daemon.workflow(c, "asks", "steps: [{ id: sure, approve: \"Send it?\" }]\n")
	for _, one := range []struct {
		arguments string
		code      int
		says      string
	}{
		{"run three", 4, "who was not reached: youmiflow runs items key-"},
		{"run three", 0, "every recipient: youmiflow runs items key-"},
		{"run lists --param list=nothing.csv", 3, "nothing.csv"},
		{"run lists --param list=/etc/passwd", 2, "relative to that"},
		{"run lists", 2, `the param "list" is required`},
		{"run lists --param list", 2, "NAME=VALUE"},
		{"run threee", 2, "did you mean three?"},
		{"run three.yaml", 2, "three.yaml: there is no such file"},
		{"run three --sandbox", 3, "this daemon works for real"},
		{"accounts --sandbox", 3, "works for real: leave it out if that is meant"},
		{"accounts trip 78 --sandbox", 3, "works for real"},
		{"schedule list --sandbox", 3, "works for real"},
		{"schedule pause three --sandbox", 3, "works for real"},
		{"schedule trigger three --sandbox", 3, "this daemon works for real"},
		{"doctor --sandbox", 3, "works for real"},
		{"runs show last --sandbox", 2, "there is no rehearsal there"},
		{"runs list --sandbox --output json", 0, "[]"},
		{"run three --sandbox --fault doSendPublicMes:lose", 2, "--fault is for the sandbox"},
		{"plan three --against HEAD", 2, "--against does not go with --server"},
		{"plan three --problems rows.csv", 2, "--problems does not go with --server"},
		{"plan three --format markdown", 2, "--format markdown does not go with --server"},
		{"plan lists", 2, `the param "list" is required`},
	} {
		code, out, stderr := d.do(strings.Fields(one.arguments)...)
		require.Equal(t, one.code, code, "%s: %s%s", one.arguments, out, stderr)
		require.Contains(t, out+stderr, one.says, one.arguments)
	}
	asked := begin(t, d.dir, "run", "asks", "--server", d.url)
	asked.sees("no:  youmiflow runs reject key-")
	require.Contains(t, asked.err.String(), " sure --server "+d.url)
	code, _, stderr := d.do("runs", "reject", "last")
	require.Zero(t, code, stderr)
	require.Equal(t, 1, asked.wait(soon), asked.err)
	daemon.end()
}

// Ctrl-C stops a run elsewhere as it stops one that is handed over; the printed command goes on with it.
func TestARunElsewhereIsInterrupted(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	d := deskOf(t, daemon, apiToken)
	p := begin(t, d.dir, "run", "double11", "--server", d.url, "--output", "json")
	p.sees("run key-")
	daemon.until("last", func(run runJSON) bool { return run.Counts.Succeeded > 50 })
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, p.wait(soon), p.err)
	require.Contains(t, p.out.String(), `"status": "paused"`)
	run := daemon.run("last")
	require.Equal(t, "paused", run.Status)
	require.NotZero(t, run.Counts.Pending)
	require.Zero(t, run.Takeovers.Held)

	last := begin(t, d.dir, p.resume()...)
	require.Zero(t, last.wait(soon), last.err)
	c.kept(box, c.runs()[0], 0)
	daemon.end()
}

// Whoever leaves twice leaves at once, and the run is the daemon's.
func TestARunElsewhereIsLeft(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	daemon.workflow(c, "asks", "steps: [{ id: sure, approve: \"Send it?\" }]\n")
	silent := httptest.NewServer(proxyTo(t, daemon.url, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/pause") {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // it does not come to an answer
			return
		}
		on.ServeHTTP(w, r)
	}))
	defer silent.Close()
	d := deskOf(t, daemon, apiToken)
	p := begin(t, d.dir, "run", "asks", "--server", silent.URL)
	p.sees("the run waits for a person")
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	p.sees("once more leaves at once")
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, p.wait(soon), p.err)
	require.Contains(t, p.err.String(), "left; what becomes of the run: youmiflow runs show key-")
	require.Equal(t, "running", daemon.run("last").Status)
	daemon.end()
}

// proxyTo is what stands between a command and its daemon.
func proxyTo(t *testing.T, daemon string, do func(w http.ResponseWriter, r *http.Request, on http.Handler)) http.Handler {
	t.Helper()
	target, err := url.Parse(daemon)
	require.NoError(t, err)
	on := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1,
		ErrorLog: log.New(io.Discard, "", 0)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, on) })
}

// A connection that breaks neither starts a run twice nor ends the watching.
func TestARunElsewhereOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	daemon.workflow(c, "ten", "steps:\n  - id: sure\n    approve: Send it?\n  - foreach: { in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], as: n, key: string(n) }\n    steps:\n"+
		"      - uses: message.send\n        with: { account: \"78\", friend: \"f${{ n }}\", text: hello }\n")
	var starts, streams atomic.Int64
	cut := make(chan struct{})
	breaking := httptest.NewServer(proxyTo(t, daemon.url, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/runs") && starts.Add(1) <= 2:
			on.ServeHTTP(httptest.NewRecorder(), r) // it is done, and nobody hears of it
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/events") && streams.Add(1) == 1:
			w.WriteHeader(http.StatusOK)
			<-cut
			panic(http.ErrAbortHandler)
		}
		on.ServeHTTP(w, r)
	}))
	breaking.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer breaking.Close()
	d := deskOf(t, daemon, apiToken)
	p := begin(t, d.dir, "run", "ten", "--server", breaking.URL)
	p.sees("run key-")
	require.Eventually(t, func() bool { return streams.Load() == 1 }, soon, 10*time.Millisecond)
	close(cut)
	p.sees("the run waits for a person")
	code, _, stderr := d.do("runs", "approve", "last")
	require.Zero(t, code, stderr)
	require.Zero(t, p.wait(soon), p.err)
	require.EqualValues(t, 3, starts.Load())
	require.Len(t, c.runs(), 1)
	require.EqualValues(t, 10, box.Stats().Deliveries)
	require.Zero(t, box.Stats().Duplicates)
	daemon.end()
}

// A run that is triggered by hand is started once too, whatever becomes of the answers.
func TestATriggerElsewhereOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	daemon.workflow(c, "nightly", "triggers: [{ schedule: \"0 3 * * *\" }]\nsteps: [{ id: sure, approve: \"Send it?\" }]\n")
	var asked atomic.Int64
	breaking := httptest.NewServer(proxyTo(t, daemon.url, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/trigger") && asked.Add(1) <= 2 {
			on.ServeHTTP(httptest.NewRecorder(), r) // it is done, and nobody hears of it
			panic(http.ErrAbortHandler)
		}
		on.ServeHTTP(w, r)
	}))
	breaking.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer breaking.Close()
	d := deskOf(t, daemon, apiToken)
	p := begin(t, d.dir, "schedule", "trigger", "nightly", "--detach", "--server", breaking.URL)
	require.Zero(t, p.wait(soon), p.err)
	require.Contains(t, p.err.String(), "the run is the daemon's", "its own first request is not in its way")
	require.EqualValues(t, 3, asked.Load())
	require.Len(t, c.runs(), 1)
	code, _, stderr := d.do("schedule", "trigger", "nightly", "--detach")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, "no run of nightly was started")
	daemon.end()
}
