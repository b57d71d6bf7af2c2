package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// Nothing is shown, and nothing is done, without a token whose role is enough.
func TestRolesAreKept(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 1)
	tokens := map[workflows.Role]string{workflows.RoleViewer: viewerToken, workflows.RoleOperator: operatorToken, workflows.RoleAdmin: adminToken}
	before := get[result.Run](h, "/runs/r")
	seen := map[workflows.Role]int{}
	for path, item := range h.description().Paths.Map() {
		target := strings.NewReplacer("/api/v1", "", "{run}", "r", "{workflow}", "greeting", "{account}", "a", "{step}", "log").Replace(path)
		for method, operation := range item.Operations() {
			least := workflows.Role(fmt.Sprint(operation.Extensions["x-role"]))
			require.True(t, least.May(least), "%s has no role", operation.OperationID)
			seen[least]++
			for _, wrong := range []string{"", "Bearer", "Bearer ", "Bearer " + viewerToken + "x", "Basic " + viewerToken, viewerToken, "Bearer " + viewerToken[1:]} {
				h.pass(time.Minute)
				r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
				r.Header.Set("Authorization", wrong)
				answer := httptest.NewRecorder()
				h.server.ServeHTTP(answer, r)
				require.Equal(t, http.StatusUnauthorized, answer.Code, "%s with %q", operation.OperationID, wrong)
				require.Contains(t, answer.Header().Get("WWW-Authenticate"), "Bearer")
			}
			for role, token := range tokens {
				if role.May(least) {
					continue
				}
				answer := h.call(token, method, target, nil)
				require.Equal(t, http.StatusForbidden, answer.Code, "%s as %s", operation.OperationID, role)
				require.Equal(t, "role", problemIn(t, answer).Code)
			}
		}
	}
	require.Positive(t, seen[workflows.RoleViewer]*seen[workflows.RoleOperator]*seen[workflows.RoleAdmin])
	require.Equal(t, before, get[result.Run](h, "/runs/r"))
	require.Empty(t, h.asked)
	require.Empty(t, h.audits())
}

func TestWithoutTokensThereIsNoAPI(t *testing.T) {
	h := newHouse(t)
	h.server.SetTokens(nil)
	for _, token := range []string{"", adminToken} {
		answer := h.call(token, "GET", "/runs", nil)
		require.Equal(t, http.StatusForbidden, answer.Code)
		require.Equal(t, "off", problemIn(t, answer).Code)
	}
	for _, path := range []string{"/healthz", "/readyz", "/api/openapi.json"} {
		answer := httptest.NewRecorder()
		h.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusOK, answer.Code, path)
	}
}

func TestTokensAreReplaced(t *testing.T) {
	h := newHouse(t)
	require.Equal(t, 200, h.call(viewerToken, "GET", "/version", nil).Code)
	h.server.SetTokens([]workflows.Token{{Name: "new", Role: workflows.RoleViewer, Secret: workflows.NewSecret("another-0123456789")}})
	require.Equal(t, 401, h.call(viewerToken, "GET", "/version", nil).Code)
	require.Equal(t, 200, h.call("another-0123456789", "GET", "/version", nil).Code)
}

// An address that sends wrong tokens is made to wait, right tokens included; others are not.
func TestGuessingIsSlow(t *testing.T) {
	h := newHouse(t)
	try := func(address, token string) int {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/version", nil)
		r.RemoteAddr = address
		r.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		h.server.ServeHTTP(answer, r)
		if answer.Code == http.StatusTooManyRequests {
			require.Equal(t, "3", answer.Header().Get("Retry-After"))
		}
		return answer.Code
	}
	codes := map[int]int{}
	for range 1000 {
		codes[try("10.0.0.1:4711", "guess")]++
	}
	require.Equal(t, map[int]int{401: 20, 429: 980}, codes)
	require.Equal(t, 429, try("10.0.0.1:1", viewerToken), "the port is another, the address the same")
	require.Equal(t, 200, try("10.0.0.2:1", viewerToken))
	h.pass(4 * time.Second)
	require.Equal(t, 200, try("10.0.0.1:1", viewerToken))
	require.Equal(t, 401, try("10.0.0.1:1", "guess"))
	require.Equal(t, 429, try("10.0.0.1:1", "guess"))
	for i := range 30 {
		code := try(fmt.Sprintf("[2001:db8::%x]:1", i+1), "guess")
		require.Equal(t, map[bool]int{true: 401, false: 429}[i < 20], code, "addresses of one network are one")
	}
	for i := range 10_000 { // the table stays small, and nobody is kept out for good
		try(fmt.Sprintf("10.%d.%d.%d:1", 1+i>>16, i>>8&255, i&255), "guess")
	}
	require.Equal(t, 200, try("10.0.0.2:1", viewerToken))
}

func TestPagesAreStableWhileRowsAreAdded(t *testing.T) {
	h := newHouse(t)
	var all []string
	for i := range 23 {
		all = append([]string{fmt.Sprintf("r%02d", i)}, all...)
		h.addRun(fmt.Sprintf("r%02d", i), 0)
	}
	var seen []string
	next := ""
	for pages := 0; ; pages++ {
		page := get[listOf[result.Run]](h, "/runs?limit=5"+next)
		for _, run := range page.Items {
			seen = append(seen, run.ID)
		}
		h.addRun(fmt.Sprintf("new%d", pages), 0)
		if page.Next == nil {
			require.Equal(t, 4, pages)
			break
		}
		require.Len(t, page.Items, 5)
		next = "&cursor=" + *page.Next
	}
	require.Equal(t, all, seen)
	require.Empty(t, get[listOf[result.Run]](h, "/runs?limit=5&workflow=none").Items)
}

// walk reads all pages of a list.
func walk[A any](h *house, target string, limit int) (all []A) {
	next := ""
	for {
		page := get[listOf[A]](h, fmt.Sprintf("%s?limit=%d%s", target, limit, next))
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		require.Len(h.t, page.Items, limit)
		next = "&cursor=" + *page.Next
	}
}

func TestPagesOfItemsAndCalls(t *testing.T) {
	h := newHouse(t)
	h.addRun("other", 3)
	h.addRun("r", 7)
	h.addRun("another", 2)
	whole := get[listOf[result.CallInFull]](h, "/runs/r/calls")
	require.Len(t, whole.Items, 14)
	require.Nil(t, whole.Next)
	items := get[listOf[result.Item]](h, "/runs/r/items").Items
	require.Len(t, items, 7)
	require.Len(t, items[6].Calls, 2)
	for limit := 1; limit <= 15; limit++ {
		require.Equal(t, whole.Items, walk[result.CallInFull](h, "/runs/r/calls", limit), "limit %d", limit)
		require.Equal(t, items, walk[result.Item](h, "/runs/r/items", limit), "limit %d", limit)
	}
}

func TestBadPages(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 1)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=!", "cursor=aGk", "cursor=LTE", "cursor=MA", "cursor=bnVsbA", "cursor=e30", "cursor=IiI", "limit=1&cursor=%zz", "limit=5;foo=1", "%zz", "limit=1&%", "cursor=" + strings.Repeat("A", 600), "limit=1&limit=2", "limt=1"} {
		for _, target := range []string{"/runs", "/runs/r/items", "/runs/r/calls", "/events"} {
			answer := h.call(viewerToken, "GET", target+"?"+query, nil)
			require.Equal(t, http.StatusBadRequest, answer.Code, "%s?%s", target, query)
			require.Equal(t, "query", problemIn(t, answer).Code)
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, one := range []struct {
		kind, body string
		status     int
		says       string
	}{
		{"application/json", `{"params": {}, "plam": "x"}`, 400, `unknown field "plam"`},
		{"application/json", `{"params": {}} {}`, 400, "more behind"},
		{"application/json", `{"params": `, 400, "it ends before the object does"},
		{"application/json", ` `, 400, "it ends before the object does"},
		{"application/json", `{"params": x}`, 400, "no JSON: byte 12: "},
		{"application/json", `[]`, 400, "write an object, not a list"},
		{"application/json", `null`, 400, "write an object"},
		{"application/json", ` null `, 400, "write an object"},
		{"application/json", `{"params": []}`, 400, "params: write an object, not a list"},
		{"application/json", `{"sandbox": "true"}`, 400, "sandbox: write true or false, not text"},
		{"application/json", `{"plan": true}`, 400, "plan: write text, in quotes, not true or false"},
		{"application/json", `{"test_to": {"account": "a", "friend": "f", "rows": 1.5}}`, 400, "test_to.rows: write a whole number, not 1.5"},
		{"application/json; charset=utf-8", `{"params": {"city": "` + strings.Repeat("x", 1<<20) + `"}}`, 413, "1048576"},
		{"text/plain", `{}`, 415, "application/json"},
		{"", `{}`, 415, "application/json"},
		{"application/x-www-form-urlencoded", "a=b", 415, "application/json"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/workflows/greeting/runs", strings.NewReader(one.body))
		r.Header.Set("Authorization", "Bearer "+adminToken)
		if one.kind != "" {
			r.Header.Set("Content-Type", one.kind)
		}
		answer := httptest.NewRecorder()
		h.server.ServeHTTP(answer, r)
		require.Equal(t, one.status, answer.Code, one.body[:min(40, len(one.body))])
		detail := problemIn(t, answer).Detail
		require.Contains(t, detail, one.says)
		require.NotContains(t, detail, "json:")
		require.NotContains(t, detail, "Go ")
	}
	require.Empty(t, get[listOf[result.Run]](h, "/runs").Items)
}

// A value that reads itself is named, and what it takes.
func TestTimesThatAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, wrong := range []any{"2026-11-01", 1, []int{}, "", with{}} {
		answer := h.call(adminToken, "POST", "/schedules/greeting/backfill", with{"from": "2026-11-01T00:00:00Z", "to": wrong})
		require.Equal(t, 400, answer.Code)
		require.Equal(t, "the body is not what is wanted: to: write a time such as 2026-12-01T10:00:00+08:00, in quotes", problemIn(t, answer).Detail)
	}
}

func TestAStatusThatThereIsNot(t *testing.T) {
	h := newHouse(t)
	detail := problemIn(t, h.call(viewerToken, "GET", "/runs?status=bogus", nil)).Detail
	require.Contains(t, detail, `"bogus"; there are pending, held, running,`)
}

// A request that is sent again, since its answer was lost, must not message anybody twice.
func TestARequestIsRepeated(t *testing.T) {
	h := newHouse(t)
	order := map[string]any{"params": map[string]any{"city": "北京"}, "test_to": map[string]any{"account": "a", "friend": "f"}}
	start := func(token, key string, body any) (int, string) {
		answer := h.call(token, "POST", "/workflows/greeting/runs", body, "Idempotency-Key", key)
		var run result.Run
		_ = json.Unmarshal(answer.Body.Bytes(), &run)
		return answer.Code, run.ID
	}
	code, first := start(operatorToken, "k1", order)
	require.Equal(t, 201, code)
	code, again := start(operatorToken, "k1", order)
	require.Equal(t, []any{201, first}, []any{code, again})
	code, _ = start(operatorToken, "k1", map[string]any{"params": map[string]any{"city": "上海"}})
	require.Equal(t, 409, code, "the same key for something else")
	code, second := start(operatorToken, "k2", order)
	require.Equal(t, 201, code)
	_, third := start(adminToken, "k1", order)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values([]string{first, second, third}))), 3, "keys are a token's own")
	require.Len(t, get[listOf[result.Run]](h, "/runs").Items, 3)
	code, _ = start(operatorToken, strings.Repeat("k", 201), order)
	require.Equal(t, 400, code)
	require.Equal(t, []string{"ci run " + first, "ci run " + second, "root run " + third}, h.audits())
}

// So is one that triggers a run: its own first request is not in its way.
func TestATriggerIsRepeated(t *testing.T) {
	h := newHouse(t)
	start := func(path, key string, body with) (int, string) {
		answer := h.call(operatorToken, "POST", path, body, "Idempotency-Key", key)
		var said struct{ ID, Detail string }
		_ = json.Unmarshal(answer.Body.Bytes(), &said)
		return answer.Code, said.ID + said.Detail
	}
	const path = "/schedules/greeting/trigger"
	code, first := start(path, "k1", with{"overlap": "allow"})
	require.Equal(t, 201, code)
	code, again := start(path, "k1", with{"overlap": "allow"})
	require.Equal(t, []any{201, first}, []any{code, again})
	for _, other := range []with{{"overlap": "skip"}, {}, {"overlap": "allow", "trigger": "@daily"}, {"overlap": "allow", "sandbox": true}} {
		code, said := start(path, "k1", other)
		require.Equal(t, 409, code, other)
		require.Contains(t, said, "Idempotency-Key: run "+first+" was started by that key", other)
	}
	code, said := start("/workflows/greeting/runs", "k1", with{})
	require.Equal(t, 409, code, "the same key at another address")
	require.Contains(t, said, first)
	code, run := start("/workflows/greeting/runs", "k0", with{})
	require.Equal(t, 201, code)
	code, said = start(path, "k0", with{"overlap": "allow"})
	require.Equal(t, 409, code, "the same key at another address")
	require.Contains(t, said, run)
	code, _ = start(path, "k2", with{"overlap": "skip"})
	require.Equal(t, 409, code, "another run is in the way")
	_, second := start(path, "k2", with{"overlap": "allow"})
	require.NotEqual(t, first, second)
	require.Equal(t, []string{"ci trigger " + first, "ci run " + run, "ci trigger " + second}, h.audits())
}

// Two requests of one key at the same time start one run, and the run of the first is not in the way of the second.
func TestTwoTriggersOfOneKeyAtATime(t *testing.T) {
	for _, overlap := range []string{"skip", "allow"} { // the other request's run is in the way; it has that id already
		t.Run(overlap, func(t *testing.T) {
			h := newHouse(t)
			trigger := func() (int, string) {
				answer := h.call(operatorToken, "POST", "/schedules/greeting/trigger", with{"overlap": overlap}, "Idempotency-Key", "k")
				var run result.Run
				_ = json.Unmarshal(answer.Body.Bytes(), &run)
				return answer.Code, run.ID
			}
			h.first = func() { h.addKeyed("ci", "greeting", "k", fmt.Sprintf(`{"trigger":"","overlap":%q}`, overlap)) }
			code, run := trigger()
			require.Equal(t, 201, code)
			require.Equal(t, run, get[listOf[result.Run]](h, "/runs").Items[0].ID)
			require.Len(t, get[listOf[result.Run]](h, "/runs").Items, 1)
			require.Empty(t, h.audits(), "it was the other one that started it")
		})
	}
}

// A key of an earlier version stands for the same run.
func TestKeysStayWhatTheyAre(t *testing.T) {
	h := newHouse(t)
	id := h.addKeyed("ci", "greeting", "k", "")
	answer := h.call(operatorToken, "POST", "/workflows/greeting/runs", with{}, "Idempotency-Key", "k")
	require.Equal(t, 201, answer.Code)
	require.Contains(t, answer.Body.String(), `"id":"`+id+`"`)
}

func TestSteeringIsAudited(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 1)
	require.Equal(t, 202, h.call(operatorToken, "POST", "/runs/r/pause", nil).Code)
	h.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusPaused)})
	require.Equal(t, 202, h.call(adminToken, "POST", "/runs/r/resume", nil).Code)
	require.Equal(t, 202, h.call(operatorToken, "POST", "/runs/last/cancel", nil).Code)
	require.Equal(t, []string{"ci pause r", "root resume r", "ci cancel r"}, h.audits())
	run, err := h.ledger.Run(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, engine.WantCancel, run.Wanted)
}

func ptr[T any](value T) *T { return &value }

func TestPeopleDecide(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 1)
	h.asks("r", "one")
	h.asks("r", "two")
	require.Len(t, get[result.Run](h, "/runs/r").Waiting, 2)
	answer := h.call(operatorToken, "POST", "/runs/r/approve", nil)
	require.Equal(t, 409, answer.Code)
	require.Contains(t, problemIn(t, answer).Detail, "one, two")
	require.Equal(t, 200, h.call(operatorToken, "POST", "/runs/r/approve", map[string]any{"step": "two", "note": "looks right"}).Code)
	require.Equal(t, 409, h.call(operatorToken, "POST", "/runs/r/reject", map[string]any{"step": "two"}).Code)
	require.Equal(t, 200, h.call(adminToken, "POST", "/runs/r/reject", nil).Code)
	rows, err := h.ledger.Steps(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, []engine.Status{engine.StatusFailed, engine.StatusSucceeded}, []engine.Status{rows[0].Status, rows[1].Status})
	require.Contains(t, string(rows[1].Outputs), `"by":"ci"`)
	require.Contains(t, string(rows[1].Outputs), "looks right")
}

// A defect ends one request only, and what it was about stands in the log only.
func TestPanicsAreAnswered(t *testing.T) {
	h := newHouse(t)
	h.panic = true
	answer := h.call(operatorToken, "POST", "/workflows/greeting/plan", nil)
	p := problemIn(t, answer)
	require.Equal(t, 500, p.Status)
	require.NotContains(t, answer.Body.String(), "secret")
	require.Contains(t, h.log.String(), p.Instance)
	require.Contains(t, h.log.String(), "a defect with a secret in it")
	require.Equal(t, 200, h.call(viewerToken, "GET", "/version", nil).Code)
}

// Pages of other sites can neither read nor steer, whatever a browser would send along.
func TestOtherSitesAreKeptOut(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 1)
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		answer := h.call(operatorToken, "POST", "/runs/r/cancel", nil, headers...)
		require.Equal(t, http.StatusForbidden, answer.Code)
		require.Equal(t, "cross-origin", problemIn(t, answer).Code)
	}
	require.Empty(t, h.audits())
	answer := h.call(operatorToken, "GET", "/version", nil, "Origin", "https://evil.example")
	for name := range answer.Header() {
		require.False(t, strings.HasPrefix(name, "Access-Control"), name)
	}
}

func TestNoAnswerHoldsATokenOrASecret(t *testing.T) {
	h := newHouse(t)
	for _, token := range []string{adminToken, viewerToken + "!"} {
		for _, target := range []string{"/workflows", "/version", "/accounts", "/runs", "/nothing", "/runs?cursor=" + token} {
			answer := h.call(token, "GET", target, nil)
			require.NotContains(t, answer.Body.String(), token)
		}
	}
	require.NotContains(t, h.log.String(), adminToken)
}

// What there is not, and what is asked for in another way, is answered as a problem everywhere.
func TestAddressesThatAreNotTaken(t *testing.T) {
	h := newHouse(t)
	h.server.Mount("GET /metrics", http.NotFoundHandler())
	for _, one := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/api/openapi.json", 405}, {"DELETE", "/api/v1/version", 405}, {"POST", "/healthz", 405}, {"PUT", "/readyz", 405}, {"POST", "/metrics", 405},
		{"GET", "/api", 404}, {"GET", "/api/", 404}, {"POST", "/api/v1", 404}, {"GET", "/api/v1/runs//items", 404}, {"POST", "/api/v1/runs/./cancel", 404},
		{"GET", "//api/v1/runs", 404}, {"GET", "/x/../api/v1/runs", 404}, {"GET", "/api/v1/runs/", 404}, {"GET", "/api//", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), one.method, "/", nil)
		r.URL.Path = one.path
		r.Header.Set("Authorization", "Bearer "+adminToken)
		answer := httptest.NewRecorder()
		h.server.ServeHTTP(answer, r)
		require.Equal(t, one.status, answer.Code, "%s %s: %s", one.method, one.path, answer.Body)
		require.NotEmpty(t, problemIn(t, answer).Detail)
		if one.status == 405 {
			require.Equal(t, "GET", answer.Header().Get("Allow"), one.path)
		}
	}
}
