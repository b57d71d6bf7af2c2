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

// merchant asks for the token of version 2 (api-84380512).
type merchant struct {
	to        *endpoint
	form      []byte
	secret    string
	calls     http.Header // the headers of every call, without the token
	header    http.Header // the headers of the token request
	transport http.RoundTripper
	bound     func(context.Context) (context.Context, context.CancelFunc)
	now       func() time.Time
}

func newMerchant(config Config) (*merchant, error) {
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
	m := &merchant{
		to:        &endpoint{operation: Operation{ID: OperationGetToken, Method: http.MethodPost}, url: address},
		form:      []byte(form.Encode()),
		secret:    config.ClientSecret,
		calls:     http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {config.UserAgent}},
		header:    http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {config.UserAgent}},
		transport: config.Transport,
		bound:     config.bound,
		now:       config.Now,
	}
	if config.TenantID != "" {
		m.calls["Tenantid"] = []string{config.TenantID}
	}
	return m, nil
}

// authority is that of version 2: its calls carry the token as it is.
func (m *merchant) authority(base string) *authority {
	return &authority{
		base: base, tokens: newTokenSource(m.fetch, m.now), clock: newClock(m.now),
		header: func(with *token, _ time.Time) http.Header { return with.header },
	}
}

// fetch asks for a token.
func (m *merchant) fetch(parent context.Context) (*token, error) {
	ctx, cancel := m.bound(parent)
	defer cancel()
	try, traced := newAttempt(ctx, m.form)
	answer, err := m.transport.RoundTrip(try.request(traced, m.to, m.header))
	if err != nil {
		return nil, tokenUnanswered(ctx, err)
	}
	defer answer.Body.Close()
	body, err := readBounded(answer)
	if answer.StatusCode != http.StatusOK {
		return nil, m.refused(answer, body)
	}
	if err != nil {
		return nil, &TokenError{Verdict: Unreachable, HTTPStatus: answer.StatusCode, Code: bodyCode(err), Err: err}
	}
	secret, lifetime, err := parseToken(body, m.now())
	if err != nil {
		return nil, &TokenError{Verdict: NotSent, HTTPStatus: answer.StatusCode, Code: "unreadable", Err: err}
	}
	header := m.calls.Clone()
	header["Authorization"] = []string{"Bearer " + secret}
	return &token{secret: secret, header: header, renew: m.now().Add(lifetime - min(tokenMargin, lifetime/10))}, nil
}

func tokenUnanswered(ctx context.Context, err error) *TokenError {
	e := &TokenError{Verdict: Unreachable, Code: networkCode(ctx, err), Err: err}
	if e.Code == "cancelled" || e.Code == "certificate" {
		e.Verdict = NotSent
	}
	return e
}

// refused reads an OAuth2 error (RFC 6749, 5.2), which is what the endpoint's form leads to expect.
func (m *merchant) refused(answer *http.Response, body []byte) *TokenError {
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	e := &TokenError{
		Verdict:    NotSent,
		HTTPStatus: answer.StatusCode,
		Code:       "HTTP-" + strconv.Itoa(answer.StatusCode),
		RetryAfter: retryAfter(answer.Header.Get("Retry-After"), m.now()),
	}
	if json.Unmarshal(body, &oauth) == nil && oauth.Error != "" {
		e.Code = clip(m.redact(oauth.Error))
		e.Text = clip(m.redact(oauth.Description))
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
func (m *merchant) redact(foreign string) string {
	return strings.NewReplacer(m.secret, "***", url.QueryEscape(m.secret), "***").Replace(foreign)
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
	if !printable(answer.AccessToken) {
		return "", 0, errors.New("the access_token holds characters that no header may hold")
	}
	return answer.AccessToken, tokenLifetime(text(answer.ExpiresIn), now), nil
}

// printable reports what a header may hold.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
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
	Refused    bool   // the credentials were refused: trying again will not help
	Version    string // V1 for the token of version 1
	Err        error
}

// Error says what to check, and never holds the secret.
func (e *TokenError) Error() string {
	first, address, settings := "no token: ", "token_url", "client_id, client_secret and token_url"
	if e.Version == V1 {
		first, address, settings = "no token of version 1: ", "v1.base_url", "v1.appid, v1.appkey and v1.base_url"
	}
	var b strings.Builder
	b.WriteString(first)
	reason := e.Code
	if meaning := CodeMeaning(e.Code); meaning != "" {
		reason += " " + meaning
	}
	if e.Refused {
		fmt.Fprintf(&b, "the platform refuses the credentials (%s); check %s of the connection", reason, settings)
	} else if meaning, ok := localMeaning(e.Code); ok {
		b.WriteString(strings.ReplaceAll(meaning, "base_url", address))
	} else {
		b.WriteString("the token endpoint answers " + reason)
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
