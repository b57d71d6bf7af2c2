package web_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/web"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
	"youmiflow/workflows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminToken    = "admin-0123456789abcdef"
	operatorToken = "operator-0123456789abcdef"
	viewerToken   = "viewer-0123456789abcdef"
)

const greeting = `description: Says hello
params:
  city: { type: string, default: 上海 }
triggers:
  - schedule: "@daily"
steps:
  - uses: log
    with: { message: "${{ params.city }}" }
`

// house is a server over a real ledger, a real folder and an engine that nothing is worked on by.
type house struct {
	t      testing.TB
	ledger *ledger.Ledger
	engine *engine.Engine
	server *web.Server
	log    *syncBuffer
	router routers.Router

	mu    sync.Mutex
	used  map[string]bool // operations with the status, and the code of the problem, that they have answered with
	asked []string        // of schedules and accounts
	fails error           // what is asked of others fails so
	panic bool
	now   time.Time
	first func() // what another request does at the same time as one that triggers
}

// syncBuffer is written and read by several.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newHouse(t testing.TB) *house {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "workflows"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "workflows", "greeting.yaml"), []byte(greeting), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "workflows", "broken.yaml"), []byte("steps: [{ uses: lgo }]\n"), 0o600))
	h := &house{t: t, log: &syncBuffer{}, used: map[string]bool{}, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	var err error
	h.ledger, err = ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(dir, "ledger.db"), Durability: ledger.Off, Logger: logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.ledger.Close()) })
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	opened, err := folder.Open(t.Context(), folder.Config{Root: dir, Dir: filepath.Join(dir, "workflows"), Catalogue: catalogue})
	require.NoError(t, err)
	h.engine = engine.New(engine.Config{Ledger: h.ledger, Limiter: limit.New(limit.Config{Store: h.ledger}), Steps: catalogue, Catalogue: catalogue})
	shared, problems := workflows.LoadProject(projectWith(t, "limits: { account: { rate: 20/min } }\n"), func(string) (string, bool) { return "", false })
	require.Empty(t, problems)
	h.server, err = web.New(web.Config{
		Logger: logger, Version: "v1.2.3", Ledger: h.ledger, Steering: steering{h.engine, h}, Folder: opened, Project: h, Schedules: fakeSchedules{h}, Accounts: fakeAccounts{h},
		Doctor: func(context.Context) ([]result.Finding, error) {
			return []result.Finding{{Name: "ledger", Status: result.Healthy, Found: "well"}}, nil
		},
		Events: h.ledger, Catalogue: catalogue, Limits: func() []*workflows.Limit { return shared.Limits }, Now: h.clock,
		Checks: []web.Check{{Name: "ledger", Do: func(ctx context.Context) error { return h.ledger.Append(ctx, engine.Entry{}).Wait(ctx) }}},
	})
	require.NoError(t, err)
	h.setTokens()
	h.router, err = legacy.NewRouter(h.description())
	require.NoError(t, err)
	return h
}

// setTokens lets in one of each role.
func (h *house) setTokens() {
	h.server.SetTokens([]workflows.Token{
		{Name: "root", Role: workflows.RoleAdmin, Secret: workflows.NewSecret(adminToken)},
		{Name: "ci", Role: workflows.RoleOperator, Secret: workflows.NewSecret(operatorToken)},
		{Name: "board", Role: workflows.RoleViewer, Secret: workflows.NewSecret(viewerToken)},
	})
}

func projectWith(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(text), 0o600))
	return dir
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// description is that of the API, checked as such.
func (h *house) description() *openapi3.T {
	answer := httptest.NewRecorder()
	h.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	require.Equal(h.t, http.StatusOK, answer.Code)
	document, err := openapi3.NewLoader().LoadFromData(answer.Body.Bytes())
	require.NoError(h.t, err)
	require.True(h.t, document.IsOpenAPI31OrLater())
	require.NoError(h.t, document.Validate(h.t.Context()))
	return document
}

// call sends a request and checks both it and its answer against the description. A request that the server refuses for
// what stands in it need not keep to it.
func (h *house) call(token, method, target string, body any, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(h.t, err)
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(h.t.Context(), method, "/api/v1"+target, reader)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	h.server.ServeHTTP(answer, r)
	h.keepsTo(r, body, answer)
	return answer
}

func (h *house) keepsTo(r *http.Request, body any, answer *httptest.ResponseRecorder) {
	h.t.Helper()
	route, parameters, err := h.router.FindRoute(r)
	if answer.Code == http.StatusNotFound && err != nil || answer.Code == http.StatusMethodNotAllowed {
		return
	}
	require.NoError(h.t, err, "%s %s is not described", r.Method, r.URL)
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(h.t, err)
		r.Body = io.NopCloser(bytes.NewReader(text))
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	wrong := openapi3filter.ValidateRequest(h.t.Context(), input)
	switch answer.Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge,
		http.StatusTooManyRequests:
	default:
		require.NoError(h.t, wrong, "%s %s was answered with %d", r.Method, r.URL, answer.Code)
	}
	err = openapi3filter.ValidateResponse(h.t.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: answer.Code,
		Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())), Options: &openapi3filter.Options{IncludeResponseStatus: true}})
	require.NoError(h.t, err, "%s %s answered with %d %s", r.Method, r.URL, answer.Code, answer.Body)
	word := ""
	if answer.Code >= 400 {
		word = " " + problemIn(h.t, answer).Code
	}
	h.used[fmt.Sprint(route.Operation.OperationID, " ", answer.Code, word)] = true
}

// get asks for something and reads the answer.
func get[A any](h *house, target string) (value A) {
	h.t.Helper()
	answer := h.call(viewerToken, http.MethodGet, target, nil)
	require.Equal(h.t, http.StatusOK, answer.Code, answer.Body)
	require.NoError(h.t, json.Unmarshal(answer.Body.Bytes(), &value))
	return value
}

// listOf is a page.
type listOf[A any] struct {
	Items []A
	Next  *string
}

// problem is what an error is answered with.
type problem struct {
	Type, Title, Detail, Code, Instance string
	Status                              int
	Problems                            diagnostic.List
}

func problemIn(t testing.TB, answer *httptest.ResponseRecorder) (p problem) {
	t.Helper()
	require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &p), answer.Body)
	require.Equal(t, answer.Code, p.Status)
	require.Equal(t, "urn:youmiflow:problem:"+p.Code, p.Type)
	return p
}

func (h *house) commit(changes ...engine.Change) {
	h.t.Helper()
	require.NoError(h.t, h.ledger.Append(h.t.Context(), engine.Entry{Changes: changes}).Wait(h.t.Context()))
}

// addRun adds a run with as many items, each with two calls.
func (h *house) addRun(id string, items int) {
	h.t.Helper()
	h.commit(engine.AddRun{Run: engine.Run{ID: id, Workflow: "greeting", Trigger: "manual", Status: engine.StatusRunning, Wanted: engine.WantRun, Foreach: items > 0}})
	var rows []engine.Item
	for i := range items {
		rows = append(rows, engine.Item{Sequence: int64(i), Key: fmt.Sprintf("%s-%d", id, i), Lane: "a", Status: engine.StatusPending})
	}
	if items == 0 {
		return
	}
	h.commit(engine.AddItems{Run: id, Step: "each", Items: rows})
	for item, err := range h.ledger.Items(h.t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(h.t, err)
		for attempt := range 2 {
			h.commit(engine.AddCall{Call: engine.Call{CallKey: engine.CallKey{Item: item.ID, Step: "say", Attempt: attempt + 1}, Run: id, Operation: "doSendPublicMes",
				Effect: workflows.EffectMessage, Account: "a", Friend: item.Key, StartedAt: h.clock()}})
		}
	}
}

// addKeyed adds the run that a request with a key starts.
func (h *house) addKeyed(who, workflow, key, request string) (id string) {
	h.t.Helper()
	id = fmt.Sprintf("key-%x", sha256.Sum256([]byte(who+"\x00"+workflow+"\x00"+key)))[:len("key-")+24]
	h.commit(engine.AddRun{Run: engine.Run{ID: id, Workflow: workflow, Trigger: "manual", Status: engine.StatusRunning, Wanted: engine.WantRun, Request: request}})
	return id
}

// asks has a step of a run wait for a decision.
func (h *house) asks(run, step string) {
	h.t.Helper()
	h.commit(engine.SetStep{StepRow: engine.StepRow{Run: run, Path: step, Status: engine.StatusHeld,
		Outputs: json.RawMessage(`{"text":"Send it?","asked_at":"2026-11-22T10:00:00Z","until":null,"default":""}`)}})
}

// audits are who did what, oldest first.
func (h *house) audits() (all []string) {
	h.t.Helper()
	rows, err := h.ledger.DB().QueryContext(h.t.Context(), `SELECT who || ' ' || action || ' ' || target FROM audit ORDER BY rowid`)
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, rows.Close()) }()
	for rows.Next() {
		var text string
		require.NoError(h.t, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(h.t, rows.Err())
	return all
}

// Validate implements web.Project.
func (h *house) Validate(_ context.Context, file string, source []byte) (diagnostic.List, error) {
	catalogue, err := steps.New(steps.Config{})
	_, problems := workflows.Parse(file, source, catalogue)
	return problems, err
}

// Problems implements web.Project.
func (h *house) Problems(context.Context, string) (diagnostic.List, error) {
	return diagnostic.List{{File: "workflows/broken.yaml", Severity: diagnostic.Error, Message: "there is no step lgo"}}, h.fails
}

// Plan implements web.Project.
func (h *house) Plan(_ context.Context, loaded folder.Loaded, order web.Order) (result.Plan, error) {
	if h.panic {
		panic("a defect with a secret in it")
	}
	workflow, err := loaded.Workflow.Open()
	if err == nil {
		_, err = workflow.BindParams(order.Params)
	}
	err = errors.Join(h.fails, err)
	plan := &engine.Plan{Digest: "sha256:0", Workflow: loaded.Name, Variants: map[string]int{}}
	plan.Items.Skipped, plan.Calls.ByOperation, plan.Calls.ByAccount = map[string]int{}, map[string]int{}, map[string]int{}
	return result.OfPlan(plan, []string{}), err
}

// Submit implements web.Project.
func (h *house) Submit(ctx context.Context, loaded folder.Loaded, order web.Order) (engine.Run, error) {
	workflow, err := loaded.Workflow.Open()
	if order.Rehearsal {
		err = errors.Join(err, &web.InvalidError{Cause: errors.New("this daemon works for real")})
	}
	if err = errors.Join(h.fails, err); err != nil {
		return engine.Run{}, err
	}
	return h.engine.Create(ctx, engine.Submission{ID: order.ID, Workflow: workflow, Params: order.Params, Plan: order.Plan, Test: order.Test})
}

func (h *house) note(format string, arguments ...any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, fmt.Sprintf(format, arguments...))
	return nil
}

// steering is the engine's, over chats that may fail.
type steering struct {
	*engine.Engine
	house *house
}

func (s steering) SettleByChat(ctx context.Context, run engine.Run, who string) (engine.Settlement, error) {
	if s.house.fails != nil {
		return engine.Settlement{}, s.house.fails
	}
	return s.Engine.SettleByChat(ctx, run, who)
}

func (s steering) SettleItem(ctx context.Context, item engine.Item, sent bool, who string) (engine.Settlement, error) {
	if s.house.fails != nil {
		return engine.Settlement{}, s.house.fails
	}
	return s.Engine.SettleItem(ctx, item, sent, who)
}

func (s steering) SettleAll(ctx context.Context, run engine.Run, sent bool, who string) (engine.Settlement, error) {
	if s.house.fails != nil {
		return engine.Settlement{}, s.house.fails
	}
	return s.Engine.SettleAll(ctx, run, sent, who)
}

type fakeSchedules struct{ *house }

// known refuses other workflows than the one there is.
func (s fakeSchedules) known(workflow string) error {
	if workflow != "greeting" {
		return web.NotFound("there is no workflow " + workflow)
	}
	return s.fails
}

func (s fakeSchedules) List(context.Context) ([]result.Schedule, error) {
	return []result.Schedule{{Workflow: "greeting", Trigger: "@daily", State: "active"}}, nil
}

func (s fakeSchedules) Next(_ context.Context, after time.Time, count int) ([]result.Upcoming, error) {
	return []result.Upcoming{{Workflow: "greeting", Trigger: "@daily", At: after.Add(time.Duration(count) * time.Hour)}}, nil
}

func (s fakeSchedules) Pause(_ context.Context, workflow, trigger, who string) error {
	return errors.Join(s.known(workflow), s.note("pause %s %s %s", workflow, trigger, who))
}

func (s fakeSchedules) Resume(_ context.Context, workflow, trigger, who string) error {
	return errors.Join(s.known(workflow), s.note("resume %s %s %s", workflow, trigger, who))
}

func (s fakeSchedules) Trigger(ctx context.Context, workflow, trigger string, order web.TriggerOrder) (engine.Run, error) {
	if err := s.known(workflow); err != nil {
		return engine.Run{}, err
	}
	if s.first != nil {
		s.first()
	}
	if order.Overlap == workflows.OverlapSkip {
		return engine.Run{}, &engine.SkippedError{Workflow: workflow, Overlap: order.Overlap, Reason: "run r1 is running", Run: engine.Run{ID: "r1"}}
	}
	id := cmp.Or(order.ID, "triggered-"+rand.Text())
	run := engine.Run{ID: id, Workflow: workflow, Trigger: "manual", Status: engine.StatusRunning, Wanted: engine.WantRun, Request: order.Request}
	if err := s.ledger.Append(ctx, engine.Entry{Changes: []engine.Change{engine.AddRun{Run: run}}}).Wait(ctx); err != nil {
		return engine.Run{}, err
	}
	return s.ledger.Run(ctx, id)
}

func (s fakeSchedules) Backfill(ctx context.Context, workflow, trigger string, from, to time.Time) ([]engine.Run, error) {
	if err := s.known(workflow); err != nil {
		return nil, err
	}
	if to.Before(from) {
		return nil, &engine.BackfillError{Reason: "the span is the wrong way round"}
	}
	id := "made-up-" + rand.Text()
	s.addRun(id, 0)
	run, err := s.ledger.Run(ctx, id)
	return []engine.Run{run}, err
}

type fakeAccounts struct{ *house }

func (a fakeAccounts) List(context.Context) ([]result.Account, error) {
	return []result.Account{{Connection: "default", Account: "135380", State: "ready", Limits: []result.AccountLimit{{Limit: "account"}}}}, nil
}

func (a fakeAccounts) Trip(_ context.Context, connection, account string, until time.Time, reason, who string) error {
	if connection != "default" {
		return web.BadBody("connection: there is no such one")
	}
	return a.note("trip %s %s %s %s %s", connection, account, until.Format(time.RFC3339), reason, who)
}

func (a fakeAccounts) Clear(_ context.Context, connection, account, who string) error {
	return a.note("clear %s %s %s", connection, account, who)
}

// listen serves over the network, as it does for real, until the test ends.
func (h *house) listen(ctx context.Context) (url string, stopped <-chan error) {
	h.t.Helper()
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(h.t, err)
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(ctx, listener) }()
	return "http://" + listener.Addr().String(), ended
}
