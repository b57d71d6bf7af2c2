package web_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/web"
	"youmiflow/workflows"
)

// example is one request and what it is answered with.
type example struct {
	method, target string
	body           any
	status         int
	code           string // of the problem; "" for none
	fails          error  // what whoever does the work says
	key            string // the Idempotency-Key
}

// with is a body.
type with = map[string]any

// examples are one of each answer of each operation, at the least. They are done in order, as an admin.
func examples() []example {
	params, audience := &workflows.ParamError{Workflow: "greeting"}, &engine.AudienceError{Count: 1, First: []engine.RowProblem{{Row: 3, Problem: "is bad"}}}
	invalid, platform := &web.InvalidError{Cause: errors.New("a secret has no value")}, &web.PlatformError{Cause: errors.New("it cannot be reached")}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(greeting)))
	november := with{"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
	return []example{
		{method: "GET", target: "/workflows", status: 200},
		{method: "GET", target: "/workflows/greeting", status: 200},
		{method: "GET", target: "/workflows/broken", status: 200},
		{method: "GET", target: "/workflows/nobody", status: 404, code: "not-found"},
		{method: "POST", target: "/workflows/greeting/plan", status: 200},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"params": with{"city": "北京"}}, status: 200},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"params": with{"town": 1}}, status: 422, code: "params"},
		{method: "POST", target: "/workflows/greeting/plan", status: 422, code: "audience", fails: audience},
		{method: "POST", target: "/workflows/broken/plan", status: 422, code: "invalid"},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"digest": digest}, status: 200},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"digest": "sha256:0"}, status: 422, code: "invalid"},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"test_to": with{"account": "a", "friend": "f", "rows": 1}}, status: 200},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"test_to": with{"account": "", "friend": "f"}}, status: 400, code: "body"},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"samples": 1000}, status: 200},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"samples": 1001}, status: 400, code: "body"},
		{method: "POST", target: "/workflows/greeting/plan", body: with{"samples": 0}, status: 400, code: "body"},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"test_to": with{"account": "a", "friend": "f", "rows": 0}}, status: 400, code: "body"},
		{method: "POST", target: "/workflows/nobody/plan", status: 404, code: "not-found"},
		{method: "POST", target: "/workflows/greeting/runs", status: 201},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"plan": "sha256:0", "test_to": with{"account": "a", "friend": "f"}}, status: 201, key: "once"},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"test_to": with{"account": "a", "friend": "g"}}, status: 409, code: "conflict", key: "once"},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"test_to": with{"account": "a", "friend": "f", "rows": 101}}, status: 400, code: "body"},
		{method: "POST", target: "/workflows/greeting/runs", status: 400, code: "header", key: strings.Repeat("k", 201)},
		{method: "POST", target: "/workflows/greeting/runs", status: 422, code: "params", fails: params},
		{method: "POST", target: "/workflows/greeting/runs", status: 422, code: "audience", fails: audience},
		{method: "POST", target: "/workflows/greeting/runs", status: 422, code: "invalid", fails: invalid},
		{method: "POST", target: "/workflows/greeting/runs", status: 502, code: "platform", fails: platform},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"digest": digest}, status: 201},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"digest": "sha256:0"}, status: 422, code: "invalid"},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"sandbox": true}, status: 422, code: "invalid"},
		{method: "POST", target: "/workflows/greeting/runs", body: with{"sandbox": true, "plan": "sha256:0", "test_to": with{"account": "a", "friend": "f"}}, status: 409, code: "conflict", key: "once"},
		{method: "POST", target: "/workflows/nobody/runs", status: 404, code: "not-found"},
		{method: "GET", target: "/validate", status: 200},
		{method: "GET", target: "/validate?workflow=broken", status: 200},
		{method: "GET", target: "/validate?workflow=nobody", status: 404, code: "not-found"},
		{method: "POST", target: "/validate", body: with{"source": "steps: []"}, status: 200},
		{method: "POST", target: "/validate", body: with{"source": "steps: []", "file": "../elsewhere.yaml"}, status: 422, code: "invalid"},
		{method: "GET", target: "/schema/workflow", status: 200},
		{method: "GET", target: "/schema/project", status: 200},
		{method: "GET", target: "/schema/nothing", status: 404, code: "not-found"},

		{method: "GET", target: "/runs", status: 200},
		{method: "GET", target: "/runs?status=running,failed&workflow=greeting&limit=1", status: 200},
		{method: "GET", target: "/runs?sandbox=true", status: 200},
		{method: "GET", target: "/runs?sandbox=yes", status: 400, code: "query"},
		{method: "GET", target: "/runs?status=rnning", status: 400, code: "query"},
		{method: "GET", target: "/runs/r1", status: 200},
		{method: "GET", target: "/runs/last", status: 200},
		{method: "GET", target: "/runs/r9", status: 404, code: "not-found"},
		{method: "GET", target: "/runs/r1/items?status=pending", status: 200},
		{method: "GET", target: "/runs/r9/items", status: 404, code: "not-found"},
		{method: "GET", target: "/runs/r1/calls?limit=2", status: 200},
		{method: "GET", target: "/runs/r9/calls", status: 404, code: "not-found"},
		{method: "GET", target: "/runs/r9/events", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/asks/approve", body: with{"step": "one", "note": "fine"}, status: 200},
		{method: "POST", target: "/runs/asks/reject", body: with{"step": "two"}, status: 200},
		{method: "POST", target: "/runs/asks/approve", status: 409, code: "state"},
		{method: "POST", target: "/runs/asks/reject", status: 409, code: "state"},
		{method: "POST", target: "/runs/r9/approve", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/r9/reject", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/r1/pause", status: 202},
		{method: "POST", target: "/runs/paused/resume", status: 202},
		{method: "POST", target: "/runs/r2/cancel", status: 202},
		{method: "POST", target: "/runs/over/pause", status: 409, code: "state"},
		{method: "POST", target: "/runs/over/resume", status: 409, code: "state"},
		{method: "POST", target: "/runs/over/cancel", status: 409, code: "state"},
		{method: "POST", target: "/runs/r9/pause", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/r9/resume", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/r9/cancel", status: 404, code: "not-found"},
		{method: "POST", target: "/runs/over/settle", status: 200},
		{method: "POST", target: "/runs/over/settle", status: 502, code: "platform", fails: &engine.ChatError{Account: "a", Friend: "f"}},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "over-0", "as": "perhaps"}, status: 400, code: "body"},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "over-0"}, status: 400, code: "body"},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "over-0", "as": "sent"}, status: 200},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "over-0", "as": "sent"}, status: 404, code: "not-found"},
		{method: "POST", target: "/runs/over/settle", body: with{"all": true}, status: 400, code: "body"},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "over-0", "all": true, "as": "sent"}, status: 400, code: "body"},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "2", "as": "not-sent"}, status: 409, code: "state", fails: engine.ErrNotUnknown},
		{method: "POST", target: "/runs/over/settle", body: with{"item": "2", "as": "not-sent"}, status: 200},
		{method: "POST", target: "/runs/over/settle", body: with{"all": true, "as": "sent"}, status: 200},

		{method: "GET", target: "/schedules", status: 200},
		{method: "GET", target: "/schedules/next?count=3&from=2026-12-01T00:00:00Z", status: 200},
		{method: "GET", target: "/schedules/next?count=0", status: 400, code: "query"},
		{method: "GET", target: "/schedules/next?from=tomorrow", status: 400, code: "query"},
		{method: "POST", target: "/schedules/greeting/pause", status: 204},
		{method: "POST", target: "/schedules/nobody/pause", status: 404, code: "not-found"},
		{method: "POST", target: "/schedules/greeting/resume", body: with{"trigger": "@daily"}, status: 204},
		{method: "POST", target: "/schedules/nobody/resume", status: 404, code: "not-found"},
		{method: "POST", target: "/schedules/greeting/trigger", status: 201},
		{method: "POST", target: "/schedules/greeting/trigger", body: with{"trigger": "@daily", "overlap": "allow", "sandbox": true}, status: 201},
		{method: "POST", target: "/schedules/greeting/trigger", body: with{"overlap": "skip"}, status: 409, code: "conflict"},
		{method: "POST", target: "/schedules/greeting/trigger", status: 400, code: "header", key: strings.Repeat("k", 201)},
		{method: "POST", target: "/schedules/greeting/trigger", body: with{"overlap": "alow"}, status: 400, code: "body"},
		{method: "POST", target: "/schedules/greeting/trigger", status: 422, code: "params", fails: params},
		{method: "POST", target: "/schedules/greeting/trigger", status: 422, code: "invalid", fails: invalid},
		{method: "POST", target: "/schedules/greeting/trigger", status: 502, code: "platform", fails: platform},
		{method: "POST", target: "/schedules/nobody/trigger", status: 404, code: "not-found"},
		{method: "POST", target: "/schedules/greeting/backfill", body: november, status: 201},
		{method: "POST", target: "/schedules/greeting/backfill", status: 400, code: "body"},
		{method: "POST", target: "/schedules/greeting/backfill", body: with{"from": "2026-11-01T00:00:00Z", "to": nil}, status: 400, code: "body"},
		{method: "POST", target: "/schedules/greeting/backfill", body: with{"from": "2026-11-03T00:00:00Z", "to": "2026-11-02T00:00:00Z"}, status: 422, code: "backfill"},
		{method: "POST", target: "/schedules/greeting/backfill", body: november, status: 422, code: "invalid", fails: invalid},
		{method: "POST", target: "/schedules/nobody/backfill", body: november, status: 404, code: "not-found"},

		{method: "GET", target: "/accounts", status: 200},
		{method: "POST", target: "/accounts/135380/trip", body: with{"for": "2h", "reason": "rest"}, status: 204},
		{method: "POST", target: "/accounts/135380/trip", body: with{"for": "soon"}, status: 400, code: "body"},
		{method: "POST", target: "/accounts/135380/trip", body: with{"connection": "nope"}, status: 400, code: "body"},
		{method: "POST", target: "/accounts/%20%09/trip", status: 400, code: "query"},
		{method: "POST", target: "/accounts/135380/clear", status: 204},
		{method: "GET", target: "/takeovers", status: 200},
		{method: "GET", target: "/limits", status: 200},
		{method: "GET", target: "/steps", status: 200},
		{method: "GET", target: "/steps/message.send", status: 200},
		{method: "GET", target: "/steps/mesage.send", status: 404, code: "not-found"},
		{method: "GET", target: "/events?account=a&kind=chat", status: 200},
		{method: "GET", target: "/doctor", status: 200},
		{method: "GET", target: "/version", status: 200},
		{method: "DELETE", target: "/runs/r1", status: 405, code: "method"},
		{method: "GET", target: "/nothing", status: 404, code: "not-found"},
	}
}

// furnish adds the runs and the event that the examples are about.
func (h *house) furnish() {
	h.t.Helper()
	h.addRun("r1", 3)
	h.addRun("asks", 0)
	for _, step := range []string{"one", "two"} {
		h.asks("asks", step)
	}
	h.addRun("paused", 0)
	h.commit(engine.SetRun{ID: "paused", Status: ptr(engine.StatusPaused), Wanted: ptr(engine.WantPause)})
	h.addRun("over", 2)
	for item, err := range h.ledger.Items(h.t.Context(), engine.ItemFilter{Run: "over"}) {
		require.NoError(h.t, err)
		for attempt := range 2 {
			key := engine.CallKey{Item: item.ID, Step: "say", Attempt: attempt + 1}
			state := map[bool]engine.CallState{true: engine.CallUnknown, false: engine.CallFailed}[attempt == 1 && item.Sequence == 0]
			h.commit(engine.SetCall{CallKey: key, Run: "over", State: state, FinishedAt: h.clock()})
		}
		h.commit(engine.SetItem{Run: "over", ID: item.ID, Step: item.Step, From: item.Status, To: engine.StatusUnknown, Reason: "no answer"})
	}
	h.commit(engine.SetRun{ID: "over", Status: ptr(engine.StatusPartial)})
	h.addRun("r2", 0)
	_, err := h.ledger.AddEvent(h.t.Context(), events.Event{ID: "e1", Kind: events.KindChat, Source: events.SourceV2, Account: "a", Received: h.clock(), At: h.clock(), Raw: []byte("{}")})
	require.NoError(h.t, err)
}

// operation is one of the description.
type operation struct {
	*openapi3.Operation
	method, path string
}

// target is an address of the operation, below /api/v1.
func (o operation) target() string {
	return strings.NewReplacer("/api/v1", "", "{run}", "r1", "{workflow}", "greeting", "{account}", "a", "{step}", "log", "{kind}", "workflow").Replace(o.path)
}

func (h *house) operations() (all []operation) {
	h.t.Helper()
	for path, item := range h.description().Paths.Map() {
		for method, one := range item.Operations() {
			all = append(all, operation{one, method, path})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	require.Greater(h.t, len(all), 30)
	return all
}

// answers are those that the description has: the status, and the code of a problem.
func (o operation) answers(t *testing.T) (all []string) {
	t.Helper()
	for status, answer := range o.Responses.Map() {
		code, err := strconv.Atoi(status)
		require.NoError(t, err, "%s: %s", o.OperationID, status)
		if code < 300 {
			all = append(all, status)
			continue
		}
		schema := answer.Value.Content.Get("application/problem+json").Schema.Value
		words := schema.AllOf[1].Value.Properties["code"].Value.Enum
		require.NotEmpty(t, words)
		for _, word := range words {
			all = append(all, fmt.Sprint(status, " ", word))
		}
	}
	return all
}

// Each answer of each operation, those that say no as well, is as the description has it; and what the description has is
// answered.
func TestEveryOperationKeepsToItsDescription(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, one := range examples() {
		h.fails = one.fails
		answer := h.call(adminToken, one.method, one.target, one.body, "Idempotency-Key", one.key)
		require.Equal(t, one.status, answer.Code, "%s %s: %s", one.method, one.target, answer.Body)
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"), one.target)
		if one.status >= 400 {
			p := problemIn(t, answer)
			require.NotEmpty(t, p.Detail)
			require.Equal(t, one.code, p.Code, "%s %s", one.method, one.target)
		}
	}
	h.fails = nil
	require.Equal(t, []string{"pause greeting  root", "pause nobody  root", "resume greeting @daily root", "resume nobody  root",
		"trip default 135380 2026-11-22T12:00:00Z rest root", "clear default 135380 root"}, h.asked)
	for _, one := range h.operations() {
		h.answersAnyway(one)
	}
	for _, one := range h.operations() {
		for _, answer := range one.answers(t) {
			switch answer {
			case "500 internal", "503 unavailable": // have tests of their own, below and in problem_test.go
				continue
			}
			if one.OperationID == "watchRun" && answer == "200" {
				continue // TestARunIsWatched
			}
			require.True(t, h.used[one.OperationID+" "+answer], "%s %s: no example is answered with %s", one.method, one.path, answer)
		}
	}
}

// answersAnyway makes the requests that every operation refuses.
func (h *house) answersAnyway(one operation) {
	h.t.Helper()
	refused := func(status int, code string, answer *httptest.ResponseRecorder) {
		h.t.Helper()
		require.Equal(h.t, status, answer.Code, "%s %s: %s", one.method, one.target(), answer.Body)
		require.Equal(h.t, code, problemIn(h.t, answer).Code, "%s %s", one.method, one.target())
	}
	target := one.target()
	refused(400, "query", h.call(adminToken, one.method, target+"?nothing=1", nil))
	refused(401, "token", h.call("", one.method, target, nil))
	if one.Extensions["x-role"] == "viewer" { // nobody has less: the gate is that of all
		h.used[one.OperationID+" 403 role"] = true
	} else {
		refused(403, "role", h.call(viewerToken, one.method, target, nil))
	}
	if one.method != http.MethodGet {
		refused(403, "cross-origin", h.call(adminToken, one.method, target, nil, "Sec-Fetch-Site", "cross-site"))
		refused(400, "body", h.call(adminToken, one.method, target, with{"nothing": 1}))
		refused(413, "too-large", h.call(adminToken, one.method, target, with{"nothing": strings.Repeat("x", 1<<20)}))
		refused(415, "media-type", h.call(adminToken, one.method, target, with{}, "Content-Type", "text/plain"))
	}
	for range 25 {
		h.call("wrong", one.method, target, nil)
	}
	refused(429, "sign-in", h.call(adminToken, one.method, target, nil))
	h.pass(2 * time.Hour)
	h.server.SetTokens(nil)
	refused(403, "off", h.call(adminToken, one.method, target, nil))
	h.setTokens()
}

// A long list is paged through in the memory of a page, however far behind that is.
func TestALongListIsPagedInFlatMemory(t *testing.T) {
	h := newHouse(t)
	h.commit(engine.AddRun{Run: engine.Run{ID: "long", Workflow: "greeting", Trigger: "manual", Status: engine.StatusRunning, Wanted: engine.WantRun, Foreach: true}})
	const size = 1000
	rows := 100_000
	if testing.Short() {
		rows = 20_000
	}
	for from := 0; from < rows; from += 10_000 {
		items := make([]engine.Item, 10_000)
		for i := range items {
			items[i] = engine.Item{Sequence: int64(from + i), Key: fmt.Sprint(from + i), Lane: "a", Status: engine.StatusSkipped, Reason: "where is false"}
		}
		h.commit(engine.AddItems{Run: "long", Step: "each", Items: items})
	}
	read := func(cursor string) (next string, used uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("/api/v1/runs/long/items?limit=%d&cursor=%s", size, cursor), nil)
		r.Header.Set("Authorization", "Bearer "+viewerToken)
		answer := httptest.NewRecorder()
		h.server.ServeHTTP(answer, r)
		runtime.ReadMemStats(&after)
		require.Equal(t, http.StatusOK, answer.Code)
		text := answer.Body.Bytes()
		at := bytes.LastIndex(text, []byte(`"next":`))
		require.Equal(t, size, bytes.Count(text, []byte(`"step":"each"`)))
		return strings.Trim(string(text[at+len(`"next":`):len(text)-2]), `"`), after.TotalAlloc - before.TotalAlloc
	}
	next, first := read("")
	pages := 1
	for ; next != "null"; pages++ {
		var used uint64
		next, used = read(next)
		require.Less(t, used, 2*first, "page %d", pages)
	}
	require.Equal(t, rows/size, pages)
}
