package youmi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signer makes the calls of version 1: the token (doc-3385721) and the signed headers (doc-3385724).
type signer struct {
	config    V1Config
	agent     string
	transport http.RoundTripper
	bound     func(context.Context) (context.Context, context.CancelFunc)
	clock     *clock
	to        *endpoint
}

func newSigner(config Config) *signer {
	address, _ := url.Parse(strings.TrimSuffix(config.V1.BaseURL, "/") + "/GetAccessToken?format=json") // the base is validated
	return &signer{
		config: config.V1, agent: config.UserAgent, transport: config.Transport, bound: config.bound, clock: newClock(config.Now),
		to: &endpoint{operation: Operation{ID: OperationV1GetAccessToken, Method: http.MethodPost}, url: address},
	}
}

func (s *signer) authority() *authority {
	return &authority{base: s.config.BaseURL, tokens: newTokenSource(s.fetch, s.clock.local), clock: s.clock, header: s.header, signed: true}
}

// header signs one call. The names are sent in the letter case of the page.
func (s *signer) header(with *token, at time.Time) http.Header {
	nonce, timestamp := newNonce(), at.Unix()
	header := s.plain()
	header["access_token"] = []string{with.secret}
	header["Nonce"] = []string{nonce}
	header["Timestamp"] = []string{strconv.FormatInt(timestamp, 10)}
	header["Signature"] = []string{Sign(s.config.AppKey, with.secret, nonce, timestamp)}
	return header
}

func (s *signer) plain() http.Header {
	return http.Header{"Content-Type": {"text/json"}, "Accept": {"application/json, text/json"}, "User-Agent": {s.agent}}
}

// tokenRequest is the body of v1GetAccessToken. The page types Timestamp as an int and shows a string, as sent here.
type tokenRequest struct {
	AppID     string `json:"AppId"`
	Nonce     string `json:"Nonce"`
	Timestamp string `json:"Timestamp"`
	Signature string `json:"Signature"`
}

// fetch asks for a token, and once more by the platform's clock when this machine's is refused.
func (s *signer) fetch(ctx context.Context) (*token, error) {
	for corrected := false; ; corrected = true {
		at, offset := s.clock.now()
		fetched, err := s.ask(ctx, at)
		failure, ok := errors.AsType[*TokenError](err)
		if corrected || !ok || !timeRefused(failure.Code) || !s.clock.correct(offset) {
			return fetched, err
		}
	}
}

func (s *signer) ask(parent context.Context, at time.Time) (*token, error) {
	nonce, timestamp := newNonce(), at.Unix()
	body, err := encodeJSON(tokenRequest{
		AppID: s.config.AppID, Nonce: nonce, Timestamp: strconv.FormatInt(timestamp, 10),
		Signature: Sign(s.config.AppKey, s.config.AppID, nonce, timestamp),
	})
	if err != nil {
		return nil, &TokenError{Version: V1, Verdict: NotSent, Code: "encoding", Err: err}
	}
	ctx, cancel := s.bound(parent)
	defer cancel()
	try, traced := newAttempt(ctx, body)
	sent := s.clock.local()
	answer, err := s.transport.RoundTrip(try.request(traced, s.to, s.plain()))
	if err != nil {
		e := tokenUnanswered(ctx, err)
		e.Version = V1
		return nil, e
	}
	received := s.clock.local()
	response, err := read(OperationV1GetAccessToken, answer, received)
	s.clock.measure(answer.Header, timeOf(response), sent, received)
	if err != nil {
		return nil, s.refused(err)
	}
	// The end of the token is an instant of the platform's clock.
	secret, lifetime, err := parseV1Token(response.Values, received.Add(time.Duration(s.clock.skew.Load())))
	if err != nil {
		return nil, &TokenError{Version: V1, Verdict: NotSent, HTTPStatus: answer.StatusCode, Code: "unreadable", Err: err}
	}
	return &token{secret: secret, renew: received.Add(lifetime - min(tokenMargin, lifetime/10))}, nil
}

// refused turns the error of an answered token request into a *TokenError. A refusal by code is one of the credentials, but for
// one of the time and for a server's own failure.
func (s *signer) refused(err error) *TokenError {
	call, ok := errors.AsType[*APIError](err)
	if !ok {
		return &TokenError{Version: V1, Verdict: Unreachable, Code: "broken", Err: err}
	}
	e := &TokenError{
		Version: V1, Verdict: NotSent, HTTPStatus: call.HTTPStatus, Code: call.Code,
		Text: clip(strings.ReplaceAll(call.Text, s.config.AppKey, "***")), RetryAfter: call.RetryAfter, Err: call.Err,
	}
	switch {
	case call.Verdict == Throttled:
		e.Verdict = Throttled
	case call.Verdict == Unknown, call.Code == codeServerError:
		e.Verdict = Unreachable // a token is asked for again at no risk
	case !timeRefused(call.Code):
		e.Refused = true
	}
	return e
}

// codeServerError is "server error" (doc-3385705).
const codeServerError = "200011"

// parseV1Token reads `values` of the token's answer. The page shows expires_in there, an absolute Unix time by its numbers,
// and is cut off after it; its prose calls the token access_token. Letter case and underscores are not insisted on, nor
// that there is an object at all: a bare text can only be the token.
func parseV1Token(values json.RawMessage, now time.Time) (secret string, lifetime time.Duration, err error) {
	var object map[string]json.RawMessage
	expires := ""
	if values = bytes.TrimSpace(values); !json.Valid(values) {
		return "", 0, errors.New("the answer has no `values`")
	} else if values[0] == '"' {
		secret = text(values)
	} else if err := json.Unmarshal(values, &object); err != nil {
		return "", 0, errors.New("`values` of the answer is no object with an access_token") // the cause could quote the token
	}
	for name, value := range object {
		switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
		case "accesstoken", "token":
			secret = text(value)
		case "expiresin":
			expires = text(value)
		}
	}
	if secret == "" {
		return "", 0, errors.New("`values` of the answer has no access_token")
	}
	if !printable(secret) {
		return "", 0, errors.New("the access_token holds characters that no header may hold")
	}
	return secret, tokenLifetime(expires, now), nil
}
