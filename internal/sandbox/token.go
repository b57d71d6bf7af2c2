package sandbox

import (
	"crypto/rand"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTokens bounds the tokens that are good at once; the oldest are dropped first.
const maxTokens = 10_000

// tokens are those handed out and still good.
type tokens struct {
	lifetime time.Duration
	clock    func() time.Time
	accepted []Credentials

	mu    sync.RWMutex
	ends  map[string]time.Time
	order []string // oldest first
	total int
}

func newTokens(config Config, lifetime time.Duration) *tokens {
	return &tokens{lifetime: lifetime, clock: config.Clock, accepted: config.Credentials, ends: map[string]time.Time{}}
}

func (t *tokens) issue() string {
	token := "sandbox-" + rand.Text()
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= maxTokens || !now.Before(t.ends[t.order[0]])) {
		delete(t.ends, t.order[0])
		t.order = t.order[1:]
	}
	t.ends[token] = now.Add(t.lifetime)
	t.order = append(t.order, token)
	t.total++
	return token
}

func (t *tokens) revokeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.ends)
	t.order = nil
}

func (t *tokens) issued() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.total
}

// check looks at an Authorization header. ok is false with the refusal to answer.
func (t *tokens) check(authorization string) (refusal result, ok bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return refuse(codeTokenMissing, "the token is missing: send Authorization: Bearer <token>"), false
	}
	t.mu.RLock()
	ends, known := t.ends[token]
	t.mu.RUnlock()
	if !known || !t.clock().Before(ends) {
		return refuse(codeTokenInvalid, "the token is no longer valid: fetch another"), false
	}
	return result{}, true
}

// oauthError is a refusal of the token endpoint, as RFC 6749, section 5.2 has it. The vendor's page shows none.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// getToken answers the token endpoint. It is read by hand, not by openapi.yaml: its refusals are OAuth2's.
func (s *Sandbox) getToken(c call) reply {
	if problem := s.tokens.formProblem(c); problem != nil {
		return jsonReply(http.StatusBadRequest, problem)
	}
	answer := jsonReply(http.StatusOK, map[string]any{
		"access_token": s.tokens.issue(),
		"expires_in":   int(s.config.TokenLifetime / time.Second),
		"token_type":   "Bearer",
		"scope":        tokenScope,
	})
	answer.header.Set("Cache-Control", "no-store")
	return answer
}

const tokenScope = "Ls.Qkl.PublicApi"

func (t *tokens) formProblem(c call) *oauthError {
	media, _, err := mime.ParseMediaType(c.contentType)
	if err != nil || media != "application/x-www-form-urlencoded" {
		return &oauthError{"invalid_request", "the body must be application/x-www-form-urlencoded"}
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return &oauthError{"invalid_request", "the body is not a form"}
	}
	for name, values := range form {
		if len(values) > 1 {
			return &oauthError{"invalid_request", name + " is given more than once"}
		}
	}
	switch {
	case form.Get("grant_type") != "client_credentials":
		return &oauthError{"unsupported_grant_type", "grant_type must be client_credentials"}
	case form.Get("client_id") == "" || form.Get("client_secret") == "":
		return &oauthError{"invalid_client", "client_id and client_secret must be given in the form"}
	case len(t.accepted) > 0 && !slices.Contains(t.accepted, Credentials{form.Get("client_id"), form.Get("client_secret")}):
		return &oauthError{"invalid_client", "unknown client_id, or wrong client_secret"}
	case form.Get("scope") != tokenScope:
		return &oauthError{"invalid_scope", "scope must be " + tokenScope}
	default:
		return nil
	}
}
