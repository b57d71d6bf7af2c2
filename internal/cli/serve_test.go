package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	apiToken = "token-0123456789abcdef"
	apiKeys  = "server: { tokens: [{ name: ci, role: admin, token: \"${API_TOKEN}\" }] }\n"
)

// served is a daemon with its API.
type served struct {
	*process
	url    string
	client *http.Client
}

var servingAt = regexp.MustCompile(`serving .* at (https?://\S+);`)

// serve starts a daemon for a project, whose token is in its .env.
func serve(t *testing.T, dir string, arguments ...string) *served {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("API_TOKEN="+apiToken+"\n"), 0o600))
	s := &served{process: begin(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0"}, arguments...)...), client: http.DefaultClient}
	s.sees("Ctrl-C stops it in order")
	found := servingAt.FindStringSubmatch(s.err.String())
	require.NotNil(t, found, s.err)
	s.url = found[1]
	return s
}

// ask sends a request and returns the status and what was answered.
func (s *served) ask(method, path string, body any) (int, string) {
	s.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(s.t, err)
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+apiToken)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := s.client.Do(r)
	require.NoError(s.t, err, s.err)
	defer func() { require.NoError(s.t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(text)
}

func (s *served) run(id string) (run runJSON) {
	s.t.Helper()
	status, text := s.ask(http.MethodGet, "/api/v1/runs/"+id, nil)
	require.Equal(s.t, http.StatusOK, status, text)
	require.NoError(s.t, json.Unmarshal([]byte(text), &run))
	return run
}

// until waits for something to become true of a run.
func (s *served) until(id string, holds func(runJSON) bool) runJSON {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(soon)
	for {
		run := s.run(id)
		if holds(run) {
			return run
		}
		select {
		case <-tick.C:
		case <-limit:
			require.Fail(s.t, "the run does not come to it", "%+v\n%s", run, s.err)
		}
	}
}

// end asks the daemon to stop and returns how long that took.
func (s *served) end() time.Duration {
	s.t.Helper()
	began := time.Now()
	require.NoError(s.t, s.command.Process.Signal(syscall.SIGTERM))
	require.Zero(s.t, s.wait(soon), s.err)
	return time.Since(began)
}

// servedCampaign is the campaign in the folder of workflows.
func servedCampaign(t *testing.T, url string) *campaign {
	t.Helper()
	c := newCampaign(t, 400, url)
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "workflows"), 0o755))
	require.NoError(t, os.Rename(filepath.Join(c.dir, "campaign.yaml"), filepath.Join(c.dir, "workflows", "double11.yaml")))
	c.write("youmiflow.yaml", connectionTo(url)+apiKeys)
	return c
}

// A daemon that is stopped in the middle of a campaign leaves in order and in time, and the next one goes on: everybody gets
// what they should, nothing is in doubt.
func TestServeDrainsUnderLoad(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", nil)
	require.Equal(t, http.StatusCreated, status, text)
	var run runJSON
	require.NoError(t, json.Unmarshal([]byte(text), &run))
	for stops := range 3 {
		daemon.until(run.ID, func(run runJSON) bool { return run.Counts.Succeeded > 100*(stops+1) })
		require.Less(t, daemon.end(), 30*time.Second)
		left := c.runs()[0]
		require.Equal(t, "running", left.Status)
		require.Zero(t, left.Calls.Unknown+left.Counts.Unknown, "nothing is in doubt")
		require.Equal(t, left.Calls.Total, left.Calls.Succeeded, "nothing was left in flight")
		require.Regexp(t, `stopped after \S+; runs that go on when the daemon is started again: 1\n$`, daemon.err.String())
		shown := c.begin("runs", "show", run.ID)
		require.Zero(t, shown.wait(soon), shown.err)
		require.Contains(t, shown.err.String(), "no process works on run "+run.ID+": it goes on when the daemon is started, or with: youmiflow runs resume "+run.ID)
		daemon = serve(t, c.dir)
	}
	run = daemon.until(run.ID, func(run runJSON) bool { return run.Status != "running" })
	c.kept(box, run, 0)
	daemon.end()
}

// Events of a run are cut off when the daemon stops, so that nobody who watches holds it up.
func TestServeStopsWhileSomebodyWatches(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", map[string]any{"test_to": map[string]any{"account": "135380", "friend": "me", "rows": 2}})
	require.Equal(t, http.StatusCreated, status, text)
	_, text = daemon.ask(http.MethodGet, "/api/v1/runs/last/events", nil)
	require.Contains(t, text, "event: end", "a stream ends with its run")
	require.Contains(t, text, `"status":"succeeded"`)

	status, text = daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", nil)
	require.Equal(t, http.StatusCreated, status, text)
	watched := make(chan string, 1)
	go func() {
		_, text := daemon.ask(http.MethodGet, "/api/v1/runs/last/events", nil)
		watched <- text
	}()
	daemon.until("last", func(run runJSON) bool { return run.Counts.Succeeded > 10 })
	require.Less(t, daemon.end(), 20*time.Second)
	require.NotContains(t, <-watched, "event: end")
}

func TestServeReadsItsConfigurationAgain(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	limits := func() string { _, text := daemon.ask(http.MethodGet, "/api/v1/limits", nil); return text }
	require.JSONEq(t, "[]", limits())

	c.write("youmiflow.yaml", connectionTo("")+apiKeys+"limits: { account: { rate: 5/min } }\nretention: { runs: 9d }\nworkflows: elsewhere\n")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the configuration was read again")
	require.Contains(t, daemon.err.String(), "settings=workflows")
	require.Contains(t, limits(), `"rate":"5/1m0s"`)
	stale := func() (int, bool) {
		_, found := daemon.ask(http.MethodGet, "/api/v1/doctor", nil)
		return daemon.counted("youmiflow_configuration_stale", ""), strings.Contains(found, `"name":"configuration"`)
	}
	n, told := stale()
	require.Equal(t, []any{0, false}, []any{n, told})

	c.write("youmiflow.yaml", connectionTo("")+apiKeys+"limits: { account: { rat: 5/min } }\n")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the configuration stays as it is")
	require.Contains(t, limits(), `"rate":"5/1m0s"`)
	n, told = stale()
	require.Equal(t, []any{1, true}, []any{n, told}, "until it is mended, and read again")

	for i, empty := range []string{"", "# being written\n"} {
		c.write("youmiflow.yaml", empty)
		require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(daemon.err.String(), "has no settings any more") == i+1 }, soon, 10*time.Millisecond)
	}
	require.NoError(t, os.Remove(filepath.Join(c.dir, "youmiflow.yaml")))
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("there is no youmiflow.yaml in")
	require.Contains(t, limits(), `"rate":"5/1m0s"`)
	n, _ = stale()
	require.Equal(t, 1, n)

	c.write("youmiflow.yaml", connectionTo("")+"suppress: lists/nobody.csv\n")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("nobody.csv")
	status, _ := daemon.ask(http.MethodGet, "/api/v1/version", nil)
	require.Equal(t, http.StatusOK, status, "the tokens stay in force too")

	c.write("youmiflow.yaml", connectionTo("")+"# no tokens\n")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool {
		status, _ := daemon.ask(http.MethodGet, "/api/v1/version", nil)
		return status == http.StatusForbidden
	}, soon, 10*time.Millisecond)
	daemon.sees("settings that guarded accounts and customers are gone")
	require.Zero(t, daemon.counted("youmiflow_configuration_stale", ""))
	require.Contains(t, daemon.err.String(), "settings=limits")
	daemon.end()
}

// A limit that is raised lets go on at once what waits for it.
func TestServeRaisesALimit(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	c.write("youmiflow.yaml", connectionTo("")+apiKeys+"limits: { account: { daily: 3 } }\n")
	c.write("workflows/few.yaml", strings.Replace(slowly("few", "77"), "gap: 100ms", "gap: 1ms", 1))
	daemon := serve(t, c.dir, "--sandbox")
	run := daemon.submit("few")
	daemon.until(run, func(run runJSON) bool { return run.Counts.Succeeded >= 3 })
	c.write("youmiflow.yaml", connectionTo("")+apiKeys+"limits: { account: { daily: 100 } }\n")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	ended := daemon.until(run, func(run runJSON) bool { return run.Status != "running" })
	require.Equal(t, 10, ended.Counts.Succeeded)
	daemon.end()
}

// A second daemon on one ledger waits for the first, and says for whom; also where both are to listen at the same address.
func TestTwoDaemonsOnOneLedger(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	first := serve(t, c.dir, "--sandbox")
	address := strings.TrimPrefix(first.url, "http://")
	for _, listen := range []string{"127.0.0.1:0", address} {
		second := c.begin("serve", "--sandbox", "--listen", listen, "--wait", "1s")
		require.Equal(t, 1, second.wait(soon))
		require.Contains(t, second.err.String(), fmt.Sprintf("process %d works on the ledger", first.command.Process.Pid))
	}
	patient := c.begin("serve", "--sandbox", "--listen", address)
	patient.sees("waiting for it to end")
	require.NoError(t, patient.command.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 5, patient.wait(soon), patient.err)
	third := c.begin("serve", "--sandbox", "--listen", address)
	third.sees("waiting for it to end")
	first.end()
	third.sees("serving ")
	require.Equal(t, 1, strings.Count(third.err.String(), "waiting for it to end"))
	require.Contains(t, third.err.String(), "in the sandbox at "+first.url)

	// Where nobody works on the ledger there is nothing to wait for.
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "youmiflow.yaml"), nil, 0o600))
	fourth := begin(t, elsewhere, "serve", "--sandbox", "--listen", address)
	require.Equal(t, 2, fourth.wait(soon), fourth.err)
	require.Contains(t, fourth.err.String(), "address already in use")
	require.NoError(t, third.command.Process.Signal(os.Interrupt))
	require.Zero(t, third.wait(soon), third.err)

	// Started at the same moment, one serves and the other waits for it.
	one, other := c.begin("serve", "--sandbox", "--listen", address), c.begin("serve", "--sandbox", "--listen", address)
	require.Eventually(t, func() bool {
		if strings.Contains(other.err.String(), "serving ") {
			one, other = other, one
		}
		return strings.Contains(one.err.String(), "serving ") && strings.Contains(other.err.String(), "waiting for it to end")
	}, soon, 20*time.Millisecond)
	for _, daemon := range []*process{one, other} {
		daemon.sees("serving ")
		require.NoError(t, daemon.command.Process.Signal(os.Interrupt))
		require.Zero(t, daemon.wait(soon), daemon.err)
	}
}

// certify writes a certificate for this machine, and returns a client that trusts it.
func certify(t *testing.T, dir string) *http.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(certificate)
	require.NoError(t, err)
	pool.AddCert(parsed)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestServeSpeaksTLS(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	client := certify(t, c.dir)
	c.write("youmiflow.yaml", "server: { tls: { cert: cert.pem, key: key.pem }, tokens: [{ name: ci, role: admin, token: \"${API_TOKEN}\" }] }\n")
	daemon := serve(t, c.dir, "--sandbox")
	daemon.client = client
	require.Regexp(t, "^https://", daemon.url)
	status, _ := daemon.ask(http.MethodGet, "/api/v1/version", nil)
	require.Equal(t, http.StatusOK, status)
	daemon.client = certify(t, c.dir) // another certificate: who still trusts the old one only is refused after a reload
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the configuration was read again")
	status, _ = daemon.ask(http.MethodGet, "/api/v1/version", nil)
	require.Equal(t, http.StatusOK, status)
	daemon.end()
}

// A file that somebody far away names must be one of the project.
func TestServeReadsNoFilesOfOthers(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "workflows", "greet.yaml"), []byte(`
params: { list: { type: file, default: audience.csv } }
steps:
  - id: list
    uses: audience.file
    with: { path: "${{ params.list }}" }
`), 0o600))
	secret := filepath.Join(t.TempDir(), "secret.csv")
	require.NoError(t, os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o600))
	daemon := serve(t, c.dir, "--sandbox")
	for _, path := range []string{secret, "../secret.csv", "/etc/passwd"} {
		for _, what := range []string{"plan", "runs"} {
			status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/greet/"+what, map[string]any{"params": map[string]any{"list": path}})
			require.Equal(t, http.StatusUnprocessableEntity, status, text)
			require.Contains(t, text, "relative to that")
		}
	}
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/greet/plan", map[string]any{"params": map[string]any{"list": "audience.csv"}})
	require.Equal(t, http.StatusOK, status, text)
	status, text = daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", map[string]any{"plan": "sha256:0"})
	require.Equal(t, http.StatusUnprocessableEntity, status, text)
	require.Contains(t, text, "the plan has changed")
	daemon.end()
}
