package steps

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/fetch"
	"youmiflow/internal/limit"
	"youmiflow/workflows"
)

// crm stands for a customer system that a project may reach: what is meant for https://crm.example.com goes to a test
// server.
type crm struct {
	*fetch.Client
	base string
}

func (c crm) Allowed(address string) (*url.URL, error) {
	return c.Client.Allowed(strings.Replace(address, "https://crm.example.com", c.base, 1))
}

func (c crm) Do(ctx context.Context, request fetch.Request) (*fetch.Response, error) {
	request.URL = strings.Replace(request.URL, "https://crm.example.com", c.base, 1)
	return c.Client.Do(ctx, request)
}

func serve(t *testing.T, answer http.HandlerFunc) crm {
	t.Helper()
	server := httptest.NewServer(answer)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := fetch.New(fetch.Config{Hosts: []fetch.Host{{Scheme: "http", Name: address.Hostname(), Port: address.Port()}}, AllowPrivate: true})
	t.Cleanup(func() { client.CloseIdle(); server.Close() })
	return crm{client, server.URL}
}

// outside is all that the examples of steps reach outside of the platform.
func outside(t *testing.T, folder string) Config {
	t.Helper()
	file := filepath.Join(folder, "crm.db")
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	for _, statement := range []string{"CREATE TABLE customer (account TEXT, friend TEXT, name TEXT, tier TEXT)", "INSERT INTO customer VALUES ('135389', 'f1', '小王', 'gold'), ('135389', 'f2', '小李', 'tin')"} {
		_, err = db.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	return Config{
		Resolve:    func(path string, _ []string) (string, error) { return filepath.Join(folder, path), nil },
		ResolveNew: func(path string) (string, error) { return filepath.Join(folder, path), nil },
		Database: func(name string) (string, error) {
			if name != "crm" {
				return "", fmt.Errorf("there is no database %q", name)
			}
			return "sqlite://" + file, nil
		},
		HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("after") == "" {
				fmt.Fprint(w, `{"data":{"items":[{"friend":"f1"},{"friend":"f2"}],"next":"2"}}`)
				return
			}
			fmt.Fprint(w, `{"data":{"items":[{"friend":"f3"}],"next":null}}`)
		}),
		Outcomes: func(_ context.Context, run, step string) iter.Seq2[ItemOutcome, error] {
			return func(yield func(ItemOutcome, error) bool) {
				for i, status := range []engine.Status{engine.StatusSucceeded, engine.StatusFailed, engine.StatusSkipped} {
					item := engine.Item{Run: run, Step: step, Row: i + 2, Key: "=f" + strconv.Itoa(i), Lane: "135389", Status: status, Data: json.RawMessage(`{"name":"小王","n":12345678901234567890}`)}
					calls := []engine.Call{{CallKey: engine.CallKey{Step: "message.send"}, State: engine.CallSucceeded, Code: "20000"}}
					if !yield(ItemOutcome{item, calls}, nil) {
						return
					}
				}
			}
		},
	}
}

func made(t *testing.T, config Config) *Catalogue {
	t.Helper()
	catalogue, err := New(config)
	require.NoError(t, err)
	return catalogue
}

// drain reads an audience to its end.
func drain(t *testing.T, outcome engine.Outcome) (rows []map[string]any, err error) {
	t.Helper()
	require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
	reader, err := outcome.Outputs["rows"].(engine.Rows).Open(t.Context())
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, reader.Close()) }()
	for {
		row, number, err := reader.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
		require.Equal(t, len(rows), number)
	}
}

func TestBadRowsAreProblemsOfTheEngine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vip.csv")
	require.NoError(t, os.WriteFile(file, []byte("friend,name\nf1\n,小王\nf2,小李\n"), 0o644))
	outcome := act(t, made(t, Config{}), "audience.file", map[string]any{"path": file, "columns": map[string]any{"filled": []any{"friend"}}})
	reader, err := outcome.Outputs["rows"].(engine.Rows).Open(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"friend", "name"}, reader.(engine.Table).Columns())
	for _, want := range []engine.RowProblem{
		{Source: file, Row: 2, Problem: "the row has 1 cell where the header has 2", Hint: "add the missing cells, empty where there is no value", Value: "f1"},
		{Source: file, Row: 3, Column: "friend", Problem: "empty", Hint: "fill the cell, or delete the row"},
	} {
		_, _, err = reader.Next()
		problem := new(engine.RowProblem)
		require.ErrorAs(t, err, &problem)
		require.Equal(t, want, *problem)
	}
	row, number, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, 4, number)
	require.Equal(t, "f2", row["friend"])
	require.NoError(t, reader.Close())
}

func TestAudienceQuery(t *testing.T) {
	catalogue := made(t, outside(t, t.TempDir()))
	rows, err := drain(t, act(t, catalogue, "audience.query", map[string]any{"database": "crm", "sql": "SELECT friend, name FROM customer WHERE tier = ?", "args": []any{"gold"}}))
	require.NoError(t, err)
	require.Equal(t, []map[string]any{{"friend": "f1", "name": "小王"}}, rows)
	_, err = drain(t, act(t, catalogue, "audience.query", map[string]any{"database": "crn", "sql": "SELECT 1"}))
	require.ErrorContains(t, err, `no database "crn"`)
	_, err = prepare(t, catalogue, "audience.query", map[string]any{"database": "crm", "sql": "SELECT ?", "args": []any{[]any{1}}})
	require.ErrorContains(t, err, "args[0]")
}

// pagesOf serves 5 customers, two a page, in each of the ways that next knows.
func pagesOf(t *testing.T) crm {
	var tries atomic.Int32
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		start := 0
		mark := r.URL.Query().Get("p")
		if r.Method == http.MethodPost {
			var body map[string]any
			_ = json.NewDecoder(r.Body).Decode(&body)
			if body["p"] != nil {
				mark = fmt.Sprint(body["p"])
			}
		}
		if mark != "" {
			start, _ = strconv.Atoi(mark)
		}
		if r.URL.Query().Get("by") == "page" {
			start *= 2
		}
		items := []any{}
		for i := start; i < min(start+2, 5); i++ {
			items = append(items, map[string]any{"friend": fmt.Sprint("f", i)})
		}
		answer := map[string]any{"data": map[string]any{"items": items}}
		if start+2 < 5 {
			answer["next"] = start + 2
			answer["more"] = "?p=" + strconv.Itoa(start+2)
			w.Header().Set("Link", fmt.Sprintf(`<https://x.example.com/?a=1,2>; rel="prev", <?p=%d>; rel="next"`, start+2))
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func TestAudienceHTTPPages(t *testing.T) {
	for name, with := range map[string]map[string]any{
		"page":           {"url": "https://crm.example.com/c?by=page", "next": map[string]any{"page": "p", "first": 0}},
		"cursor":         {"url": "https://crm.example.com/c", "next": map[string]any{"cursor": "next", "to": "p"}},
		"cursor, POST":   {"url": "https://crm.example.com/c", "method": "POST", "body": map[string]any{"q": 1}, "next": map[string]any{"cursor": "next", "to": "p"}},
		"link":           {"url": "https://crm.example.com/c", "next": map[string]any{"link": "more"}},
		"link in header": {"url": "https://crm.example.com/c", "next": map[string]any{"link": "Link"}},
	} {
		t.Run(name, func(t *testing.T) {
			with["rows"] = "data.items"
			server := pagesOf(t)
			// The links of the answers lead on from where the request really went.
			with["url"] = strings.Replace(with["url"].(string), "https://crm.example.com", server.base, 1)
			rows, err := drain(t, act(t, made(t, Config{HTTP: server.Client}), "audience.http", with))
			require.NoError(t, err)
			require.Len(t, rows, 5)
			require.Equal(t, "f4", rows[4]["friend"])
		})
	}
}

func TestAudienceHTTPRefuses(t *testing.T) {
	answers := map[string]string{
		"/text": "hello", "/object": `{"a":{"b":1}}`, "/numbers": `[1]`, "/same": `{"items":[{"a":1}],"next":"x"}`, "/other": `{"items":[],"next":"https://evil.example.com/"}`, "/again": `{"items":[],"next":"/again"}`,
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			answer = "no"
		}
		fmt.Fprint(w, answer)
	})
	catalogue := made(t, Config{HTTP: server.Client})
	for path, test := range map[string]struct {
		with map[string]any
		want string
	}{
		"/text": {nil, "no JSON"}, "/object": {map[string]any{"rows": "a.c"}, `no list of rows at "a.c"`}, "/numbers": {nil, "it is 1, not an object"},
		"/same":  {map[string]any{"rows": "items", "next": map[string]any{"cursor": "next"}}, "the same as the page before"},
		"/other": {map[string]any{"rows": "items", "next": map[string]any{"link": "next"}}, "another host"},
		"/again": {map[string]any{"rows": "items", "next": map[string]any{"link": "next"}}, "the same one again"}, "/forbidden": {nil, "HTTP-403"},
	} {
		with := map[string]any{"url": server.base + path + "?token=hidden"}
		if path == "/again" {
			with["url"] = server.base + path
		}
		for name, value := range test.with {
			with[name] = value
		}
		_, err := drain(t, act(t, catalogue, "audience.http", with))
		require.ErrorContains(t, err, test.want, path)
		require.NotContains(t, err.Error(), "hidden", path)
	}
	_, err := prepare(t, catalogue, "audience.http", map[string]any{"url": "https://evil.example.com"})
	require.ErrorContains(t, err, "http.hosts")
	_, err = drain(t, act(t, catalogue, "audience.http", map[string]any{"url": server.base + "/same", "rows": "items", "pages": 1, "next": map[string]any{"cursor": "next"}}))
	require.ErrorContains(t, err, "more than 1 pages")
	rows, err := drain(t, act(t, catalogue, "audience.http", map[string]any{"url": server.base + "/same", "rows": "items", "limit": 1, "next": map[string]any{"cursor": "next"}}))
	require.NoError(t, err)
	require.Len(t, rows, 1)
}

func TestHTTPRequestOutcomes(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("Retry-After", "3")
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `{"got":%q,"type":%q,"n":1}`, body, r.Header.Get("Content-Type"))
		}
	})
	catalogue := made(t, Config{HTTP: server.Client})
	for _, test := range []struct {
		method, path string
		effect       any
		state        engine.OutcomeState
		code         string
		again        bool
	}{
		{"GET", "/200", nil, engine.Succeeded, "200", false}, {"HEAD", "/204", nil, engine.Succeeded, "204", false}, {"POST", "/201", nil, engine.Succeeded, "201", false},
		{"GET", "/404", nil, engine.Failed, "HTTP-404", false}, {"POST", "/302", nil, engine.Failed, "HTTP-302", false},
		{"GET", "/500", nil, engine.Unknown, "HTTP-500", true}, {"POST", "/503", nil, engine.Unknown, "HTTP-503", false}, {"POST", "/503", "idempotent", engine.Unknown, "HTTP-503", true},
		{"POST", "/429", nil, engine.NotSent, "HTTP-429", true}, {"POST", "/0", nil, engine.Unknown, "broken", false}, {"GET", "/0", nil, engine.Unknown, "broken", true},
	} {
		with := map[string]any{"method": test.method, "url": server.base + test.path}
		if test.effect != nil {
			with["effect"] = test.effect
		}
		outcome := act(t, catalogue, "http.request", with)
		require.Equal(t, test.state, outcome.State, "%v: %s", test, outcome.Message)
		require.Equal(t, test.code, outcome.Code)
		require.Equal(t, test.again, outcome.Retryable, "%v", test)
		if test.code == "HTTP-429" {
			require.Equal(t, 3*time.Second, outcome.RetryAfter)
		}
	}
	outcome := act(t, catalogue, "http.request", map[string]any{"method": "PUT", "url": server.base + "/200", "json": map[string]any{"a": "<友>"}})
	require.Equal(t, map[string]any{"got": `{"a":"<友>"}`, "type": "application/json", "n": 1}, outcome.Outputs["json"])
	require.NotContains(t, outcome.Outputs["headers"], "set-cookie")
	outcome = act(t, catalogue, "http.request", map[string]any{"method": "POST", "url": server.base + "/200", "body": "a=1", "headers": map[string]any{"content-type": "application/x-www-form-urlencoded"}})
	require.Contains(t, outcome.Outputs["text"], "x-www-form-urlencoded")
}

func TestHTTPRequestAsLimitsAndTheLedgerSeeIt(t *testing.T) {
	var hits atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	catalogue := made(t, Config{HTTP: server.Client})
	action, err := prepare(t, catalogue, "http.request", map[string]any{"method": "POST", "url": server.base + "/a", "json": map[string]any{"a": 1},
		"headers": map[string]any{"Authorization": "Bearer plain", "X-Api-Key": "plain", "Accept": "text/plain"}})
	require.NoError(t, err)
	require.Equal(t, "http.request", action.Request.Operation)
	require.Equal(t, workflows.EffectMessage, action.Request.Effect)
	require.Empty(t, action.Request.Account)
	require.Empty(t, action.Request.Friend)
	require.Contains(t, string(action.Request.Body), `"Authorization":"***"`)
	require.Contains(t, string(action.Request.Body), `"X-Api-Key":"***"`)
	require.Contains(t, string(action.Request.Body), `"Accept":"text/plain"`)

	// A limit that asks for the operation holds; one of accounts has one bucket for all that have none.
	match, err := expression.Compile(`call.operation == "http.request" && call.account == ""`, expression.Scope{"call": {Kind: expression.Object, Open: true}}, expression.Type{Kind: expression.Bool})
	require.NoError(t, err)
	now := time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC)
	limiter := limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: func() time.Time { return now }, Shared: []*workflows.Limit{
		{Name: "crm", Match: match, Rate: workflows.Rate{Count: 1, Per: time.Minute}, Burst: 1}}})
	call := engine.LimitedCall{Operation: action.Request.Operation, Effect: action.Request.Effect}
	first, err := limiter.Reserve(t.Context(), call, nil)
	require.NoError(t, err)
	second, err := limiter.Reserve(t.Context(), call, nil)
	require.NoError(t, err)
	require.Equal(t, time.Minute, second.At.Sub(first.At))

	rehearsal := made(t, Config{HTTP: server.Client, Rehearsal: true})
	for method, want := range map[string]int32{"POST": 0, "GET": 1} {
		hits.Store(0)
		require.Equal(t, engine.Succeeded, act(t, rehearsal, "http.request", map[string]any{"method": method, "url": server.base}).State)
		require.Equal(t, want, hits.Load(), method)
	}
	for name, with := range map[string]map[string]any{
		"http.hosts":   {"url": "https://evil.example.com/"},
		"has no body":  {"url": server.base, "json": 1},
		"give one":     {"url": server.base, "method": "POST", "json": 1, "body": "a"},
		"timeout must": {"url": server.base, "timeout": time.Hour},
	} {
		_, err := prepare(t, catalogue, "http.request", with)
		require.ErrorContains(t, err, name)
	}
}

func TestReportWrite(t *testing.T) {
	folder := t.TempDir()
	catalogue := made(t, outside(t, folder))
	outcome := act(t, catalogue, "report.write", map[string]any{"path": "reports/all.csv", "of": "reach"})
	require.Equal(t, map[string]any{"path": "reports/all.csv", "count": 3}, outcome.Outputs, outcome.Message)
	text, err := os.ReadFile(filepath.Join(folder, "reports", "all.csv"))
	require.NoError(t, err)
	require.Equal(t, "\uFEFFkey,row,lane,status,reason,variant,wave,calls\r\n'=f0,2,135389,succeeded,,,,message.send succeeded 20000\r\n"+
		"'=f1,3,135389,failed,,,,message.send succeeded 20000\r\n'=f2,4,135389,skipped,,,,message.send succeeded 20000\r\n", string(text))
	outcome = act(t, catalogue, "report.write", map[string]any{"path": "some.xlsx", "of": "reach", "columns": []any{"name", "n", "absent", "status"}, "status": []any{"failed"}})
	require.Equal(t, 1, outcome.Outputs["count"], outcome.Message)
	reader, err := fileRows{path: filepath.Join(folder, "some.xlsx")}.Open(t.Context())
	require.NoError(t, err)
	row, _, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"name": "小王", "n": "12345678901234567890", "absent": "", "status": "failed"}, row)
	require.NoError(t, reader.Close())
	for want, with := range map[string]map[string]any{
		".csv or an .xlsx": {"path": "a.pdf", "of": "reach"}, "no status": {"path": "a.csv", "of": "reach", "status": []any{"sent"}}, "columns is empty": {"path": "a.csv", "of": "reach", "columns": []any{}},
	} {
		_, err := prepare(t, catalogue, "report.write", with)
		require.ErrorContains(t, err, want)
	}
	action, err := prepare(t, catalogue, "report.write", map[string]any{"path": "a.csv", "of": "reach"})
	require.NoError(t, err)
	require.NotNil(t, action.Assumed, "a plan writes nothing")
}

// What a rehearsal or a test send reports stands beside the report of a real run.
func TestAReportOfARehearsalReplacesNoRealOne(t *testing.T) {
	folder := t.TempDir()
	config := outside(t, folder)
	write := func(config Config, input engine.Input, path string) {
		step, _ := made(t, config).Step("report.write")
		input.With = map[string]any{"path": path, "of": "reach"}
		action, err := step.Prepare(input)
		require.NoError(t, err)
		outcome := action.Perform(t.Context())
		require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
		require.Equal(t, action.Assumed["path"], outcome.Outputs["path"])
		require.FileExists(t, filepath.Join(folder, outcome.Outputs["path"].(string)))
	}
	report := filepath.Join(folder, "没收到.xlsx")
	require.NoError(t, os.WriteFile(report, []byte("what really happened"), 0o600))
	write(config, engine.Input{Sandbox: true}, "没收到.xlsx")
	require.FileExists(t, filepath.Join(folder, "没收到.sandbox.xlsx"))
	write(config, engine.Input{Test: true}, "没收到.xlsx")
	require.FileExists(t, filepath.Join(folder, "没收到.test.xlsx"))
	write(config, engine.Input{Sandbox: true, Test: true}, "v1.2/没收到.CSV")
	require.FileExists(t, filepath.Join(folder, "v1.2", "没收到.test.sandbox.CSV"))
	kept, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Equal(t, "what really happened", string(kept))
	config.Discarded = true
	write(config, engine.Input{Sandbox: true}, "other.csv")
	require.FileExists(t, filepath.Join(folder, "other.csv"))
	config.Discarded = false
	write(config, engine.Input{}, "没收到.xlsx")
	kept, err = os.ReadFile(report)
	require.NoError(t, err)
	require.NotEqual(t, "what really happened", string(kept))
}
