package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// sane says what is wrong with an answer, whatever was asked: one that is not described, or that tells of a defect.
func (h *house) sane(r *http.Request, answer *httptest.ResponseRecorder) error {
	if answer.Code >= 500 {
		return fmt.Errorf("%s %s is answered with %d %s\n%s", r.Method, r.URL, answer.Code, answer.Body, h.log)
	}
	for name := range answer.Header() {
		if strings.HasPrefix(name, "Access-Control") {
			return fmt.Errorf("%s %s is answered with %s", r.Method, r.URL, name)
		}
	}
	if asked := r.URL.EscapedPath(); strings.HasPrefix(asked, "/api/v1/") && path.Clean(asked) != strings.TrimSuffix(asked, "/") {
		if answer.Code != http.StatusNotFound {
			return fmt.Errorf("%s %s is answered with %d", r.Method, r.URL, answer.Code)
		}
		return nil // the router of the description takes it for another address
	}
	if answer.Code/100 == 3 && !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil // to the same address, written as it should be
	}
	route, parameters, err := h.router.FindRoute(r)
	if strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") || strings.HasSuffix(r.URL.Path, "/") || !strings.HasPrefix(r.URL.Path, "/api/v1/") {
		return nil // the router of the description takes it for another address, or knows nothing of it
	}
	if err != nil {
		if answer.Code != http.StatusNotFound && answer.Code != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s %s is not described, and answered with %d", r.Method, r.URL, answer.Code)
		}
		return nil
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: answer.Code,
		Header: answer.Header(), Body: io.NopCloser(strings.NewReader(answer.Body.String())), Options: &openapi3filter.Options{IncludeResponseStatus: true}})
}

// send sends what need not be right.
func (h *house) send(ctx context.Context, method, target, kind, body string) (*http.Request, *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(ctx, method, "/api/v1/version", strings.NewReader(body))
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	path, query, _ := strings.Cut(target, "?")
	r.URL = &url.URL{RawQuery: query}
	if text, err := url.PathUnescape(path); err == nil {
		r.URL.Path, r.URL.RawPath = text, path
	} else {
		r.URL.Path = path
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	answer := httptest.NewRecorder()
	h.server.ServeHTTP(answer, r)
	return r, answer
}

// Whatever is asked of whatever operation, the answer is one that is described, and none tells of a defect.
func TestNothingThatIsAskedBreaksAnything(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	operations := h.operations()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "r1", "over", "last", "greeting", "broken", "nobody", "..", ".", "a/b", "%2e", "workflow",
		"1", "-1", "99999999999999999999", "running,failed", ",", "2026-12-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "MQ", "bnVsbA", "W10",
		"eyJJdGVtIjoxLCJTZWVuIjoyfQ", "eyJJdGVtIjotMX0", "IngiOg", "\x00", "\xff", "' OR 1=1 --", strings.Repeat("x", 5000)}))
	rapid.Check(t, func(rt *rapid.T) {
		one := rapid.SampledFrom(operations).Draw(rt, "operation")
		switch one.OperationID {
		case "watchRun": // a recorder is no connection; see stream_test.go
			return
		case "pauseRun": // nobody works on these runs: whoever resumes one would wait for it to be paused
			return
		}
		path := one.path
		for strings.Contains(path, "{") {
			from, to := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:from] + url.PathEscape(text.Draw(rt, path[from:to+1])) + path[to+1:]
		}
		query := url.Values{}
		for _, parameter := range one.Parameters {
			if parameter.Value.In == "query" && rapid.Bool().Draw(rt, "has "+parameter.Value.Name) {
				query.Set(parameter.Value.Name, text.Draw(rt, parameter.Value.Name))
			}
		}
		body, kind := "", ""
		if one.RequestBody != nil {
			kind = rapid.SampledFrom([]string{"application/json", "application/json; charset=utf-8", ""}).Draw(rt, "kind")
			schema := one.RequestBody.Value.Content["application/json"].Schema.Value
			var members []string
			for name := range schema.Properties {
				if rapid.Bool().Draw(rt, "has "+name) {
					members = append(members, fmt.Sprintf("%q: %s", name, rapid.OneOf(rapid.SampledFrom([]string{"null", "1", "true", "[]", "{}", `""`, `"sent"`, `"1"`, `"2h"`, `"-2h"`,
						`"999999999h"`, `{"account": "a", "friend": "f"}`, `{"account": "a", "friend": "f", "rows": -1}`, `{"city": 3}`, `"2026-11-01T00:00:00Z"`, `"../x"`, `"\u0000"`, "1e999", "{"}),
						rapid.StringMatching(`"[a-zé 世]{0,8}"`)).Draw(rt, name)))
				}
			}
			body = rapid.SampledFrom([]string{"{" + strings.Join(members, ", ") + "}", "", "null", "[]", "{} {}", strings.Repeat("[", 20_000)}).Draw(rt, "body")
		}
		target := path
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
		r, answer := h.send(t.Context(), one.method, target, kind, body)
		if err := h.sane(r, answer); err != nil {
			rt.Fatal(err)
		}
	})
}

// FuzzRequests sends whatever it likes as whoever may do anything.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ method, target, body string }{
		{"GET", "/api/v1/runs?limit=1&cursor=MQ", ""}, {"GET", "/api/v1/runs/r1/items?status=failed,unknown", ""}, {"GET", "/api/v1/events?account=%00", ""},
		{"GET", "/api/v1/schedules/next?from=2026-12-01T00:00:00Z&count=3", ""}, {"POST", "/api/v1/workflows/greeting/runs", `{"params": {"city": "x"}}`},
		{"POST", "/api/v1/validate", `{"source": "steps: []"}`}, {"POST", "/api/v1/runs/over/settle", `{"item": "1", "as": "sent"}`}, {"OPTIONS", "/api/v1/runs", ""},
		{"GET", "/api/v1/../../etc/passwd", ""}, {"GET", "//api/v1/runs", ""}, {"GET", "/healthz?a=b;c", ""},
	} {
		f.Add(seed.method, seed.target, seed.body)
	}
	h := newHouse(f)
	h.furnish()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if strings.Contains(target, "/events") && method == http.MethodGet && strings.Contains(target, "/runs") || !isToken(method) {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // nobody works on these runs: a pause takes for ever
		defer cancel()
		r, answer := h.send(ctx, method, target, "application/json", body)
		if answer.Code != http.StatusServiceUnavailable {
			require.NoError(t, h.sane(r, answer))
		}
	})
}

// isToken reports whether a request can have this method: the server refuses others before anybody sees them.
func isToken(method string) bool {
	_, err := http.NewRequest(method, "http://daemon", nil)
	return err == nil && method != ""
}

// Whoever has a role may do all that the description says it may, and is not told of roles.
func TestEveryRoleMayWhatItMay(t *testing.T) {
	h := newHouse(t)
	h.addRun("r1", 1)
	h.commit(engine.SetRun{ID: "r1", Status: ptr(engine.StatusSucceeded)})
	tokens := map[workflows.Role]string{workflows.RoleViewer: viewerToken, workflows.RoleOperator: operatorToken, workflows.RoleAdmin: adminToken}
	for _, one := range h.operations() {
		for role, token := range tokens {
			if one.OperationID == "watchRun" && role.May(workflows.RoleViewer) {
				continue // TestARunIsWatched
			}
			least := workflows.Role(fmt.Sprint(one.Extensions["x-role"]))
			var body any
			if one.OperationID == "backfill" {
				body = with{"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
			}
			answer := h.call(token, one.method, one.target(), body)
			if role.May(least) {
				require.NotContains(t, []int{401, 403, 429}, answer.Code, "%s as %s: %s", one.OperationID, role, answer.Body)
			} else {
				require.Equal(t, 403, answer.Code, "%s as %s", one.OperationID, role)
			}
		}
	}
}

// A browser that asks whether a page of another site may use the API hears nothing that says so.
func TestPreflightsGetNothing(t *testing.T) {
	h := newHouse(t)
	for _, one := range h.operations() {
		for _, token := range []string{"", adminToken} {
			answer := h.call(token, http.MethodOptions, one.target(), nil, "Origin", "https://evil.example",
				"Access-Control-Request-Method", one.method, "Access-Control-Request-Headers", "authorization,content-type", "Sec-Fetch-Site", "cross-site")
			require.Equal(t, http.StatusMethodNotAllowed, answer.Code, one.OperationID)
			for name := range answer.Header() {
				require.NotContains(t, name, "Access-Control", one.OperationID)
			}
		}
	}
}
