package youmi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How long a token is used. The page of the endpoint (api-84380512) shows an empty answer, so all of this is caution.
const (
	// DefaultTokenLifetime is assumed when the answer names no lifetime.
	DefaultTokenLifetime = 10 * time.Minute
	// tokenMargin is how long before its end a token is renewed; a tenth of a lifetime shorter than ten margins.
	tokenMargin = time.Minute
	// absoluteFrom is where `expires_in` can only be an instant: 10^9 seconds are 31 years. The token of version 1
	// (doc-3385721) comes with such an instant.
	absoluteFrom = 1_000_000_000
	// maxLifetime bounds what is believed.
	maxLifetime = 30 * 24 * time.Hour
)

// token is a token with the headers of the calls made with it, which are shared and never changed.
type token struct {
	header http.Header
	renew  time.Time // from then on another is fetched
}

// tokenSource keeps the token and renews it, one renewal at a time.
type tokenSource struct {
	to        *endpoint
	form      []byte
	secret    string
	calls     http.Header // the headers of every call, without the token
	header    http.Header // the headers of the token request
	transport http.RoundTripper
	timeout   time.Duration

	current atomic.Pointer[token]
	turn    chan struct{} // held by who renews; a channel, so that a waiter can be cancelled
	rounds  atomic.Int64  // renewals that came to an end
	failure error         // of the last renewal; guarded by turn
}

func newTokenSource(config Config) (*tokenSource, error) {
	address, err := url.Parse(config.TokenURL)
	if err != nil {
		return nil, fmt.Errorf("token_url is not an address: %w", err)
	}
	form := url.Values{
		"client_id":     {config.ClientID},
		"client_secret": {config.ClientSecret},
		"scope":         {"Ls.Qkl.PublicApi"},
		"grant_type":    {"client_credentials"},
	}
	source := &tokenSource{
		to:        &endpoint{operation: Operation{ID: OperationGetToken, Method: http.MethodPost}, url: address},
		form:      []byte(form.Encode()),
		secret:    config.ClientSecret,
		calls:     http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {config.UserAgent}},
		header:    http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {config.UserAgent}},
		transport: config.Transport,
		timeout:   config.Timeout,
		turn:      make(chan struct{}, 1),
	}
	if config.TenantID != "" {
		source.calls["Tenantid"] = []string{config.TenantID}
	}
	return source, nil
}

// get returns a token that is not about to end and is not the one the platform has just refused. Who comes while another
// renews waits for that, and shares its outcome unless the other was cancelled.
func (s *tokenSource) get(ctx context.Context, refused *token) (*token, error) {
	if current := s.usable(refused); current != nil {
		return current, nil
	}
	round := s.rounds.Load()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &TokenError{Verdict: NotSent, Code: networkCode(ctx, ctx.Err()), Err: context.Cause(ctx)}
	}
	defer func() { <-s.turn }()
	if current := s.usable(refused); current != nil {
		return current, nil
	}
	if s.rounds.Load() != round && s.failure != nil {
		return nil, s.failure
	}
	fetched, err := s.fetch(ctx)
	if ctx.Err() != nil && err != nil {
		return nil, err // says nothing to those who wait
	}
	s.failure = err
	s.rounds.Add(1)
	if err != nil {
		return nil, err
	}
	s.current.Store(fetched)
	return fetched, nil
}

func (s *tokenSource) usable(refused *token) *token {
	current := s.current.Load()
	if current == nil || current == refused || !time.Now().Before(current.renew) {
		return nil
	}
	return current
}

// fetch asks for a token.
func (s *tokenSource) fetch(parent context.Context) (*token, error) {
	ctx, cancel := context.WithTimeout(parent, s.timeout)
	defer cancel()
	try, traced := newAttempt(ctx, s.form)
	answer, err := s.transport.RoundTrip(try.request(traced, s.to, s.header))
	if err != nil {
		return nil, s.unanswered(ctx, err)
	}
	defer answer.Body.Close()
	body, err := readBounded(answer)
	if answer.StatusCode != http.StatusOK {
		return nil, s.refused(answer, body)
	}
	if err != nil {
		return nil, &TokenError{Verdict: Unreachable, HTTPStatus: answer.StatusCode, Code: bodyCode(err), Err: err}
	}
	secret, lifetime, err := parseToken(body, time.Now())
	if err != nil {
		return nil, &TokenError{Verdict: NotSent, HTTPStatus: answer.StatusCode, Code: "unreadable", Err: err}
	}
	header := s.calls.Clone()
	header["Authorization"] = []string{"Bearer " + secret}
	return &token{header: header, renew: time.Now().Add(lifetime - min(tokenMargin, lifetime/10))}, nil
}

func (s *tokenSource) unanswered(ctx context.Context, err error) *TokenError {
	e := &TokenError{Verdict: Unreachable, Code: networkCode(ctx, err), Err: err}
	if e.Code == "cancelled" || e.Code == "certificate" {
		e.Verdict = NotSent
	}
	return e
}

// refused reads an OAuth2 error (RFC 6749, 5.2), which is what the endpoint's form leads to expect.
func (s *tokenSource) refused(answer *http.Response, body []byte) *TokenError {
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	e := &TokenError{
		Verdict:    NotSent,
		HTTPStatus: answer.StatusCode,
		Code:       "HTTP-" + strconv.Itoa(answer.StatusCode),
		RetryAfter: retryAfter(answer.Header.Get("Retry-After"), time.Now()),
	}
	if json.Unmarshal(body, &oauth) == nil && oauth.Error != "" {
		e.Code = clip(s.redact(oauth.Error))
		e.Text = clip(s.redact(oauth.Description))
	}
	switch {
	case answer.StatusCode == http.StatusTooManyRequests:
		e.Verdict = Throttled
	case answer.StatusCode >= 500:
		e.Verdict = Unreachable
	default:
		e.Refused = true
	}
	return e
}

// redact keeps the secret out of what the server echoes.
func (s *tokenSource) redact(foreign string) string {
	return strings.NewReplacer(s.secret, "***", url.QueryEscape(s.secret), "***").Replace(foreign)
}

// parseToken reads the answer of the token endpoint. The lifetime may be a number or a string, in seconds or, when it is
// too large for that, a Unix time; without a readable one it is DefaultTokenLifetime.
func parseToken(body []byte, now time.Time) (secret string, lifetime time.Duration, err error) {
	var answer struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, errors.New("the answer is not a JSON object with an access_token") // the cause could quote the token
	}
	if answer.AccessToken == "" {
		return "", 0, errors.New("the answer has no access_token")
	}
	if strings.ContainsFunc(answer.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", 0, errors.New("the access_token holds characters that no header may hold")
	}
	return answer.AccessToken, tokenLifetime(text(answer.ExpiresIn), now), nil
}

func tokenLifetime(written string, now time.Time) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(written), 64)
	if err != nil || !(seconds > 0) {
		return DefaultTokenLifetime
	}
	if seconds >= absoluteFrom {
		if seconds -= float64(now.Unix()); seconds <= 0 {
			return DefaultTokenLifetime
		}
	}
	return time.Duration(min(seconds, maxLifetime.Seconds()) * float64(time.Second))
}

// TokenError is a failure to get a token. Nothing was sent with it.
type TokenError struct {
	Verdict    Verdict
	HTTPStatus int    // 0 when no answer came
	Code       string // as APIError.Code, or the OAuth2 error such as invalid_client
	Text       string
	RetryAfter time.Duration
	Refused    bool // the credentials were refused: trying again will not help
	Err        error
}

// Error says what to check, and never holds the secret.
func (e *TokenError) Error() string {
	var b strings.Builder
	b.WriteString("no token: ")
	if e.Refused {
		fmt.Fprintf(&b, "the platform refuses the credentials (%s); check client_id, client_secret and token_url of the connection", e.Code)
	} else if meaning, ok := localMeaning(e.Code); ok {
		b.WriteString(strings.ReplaceAll(meaning, "base_url", "token_url"))
	} else {
		b.WriteString("the token endpoint answers " + e.Code)
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *TokenError) Unwrap() error { return e.Err }
