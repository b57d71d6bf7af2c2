package youmi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Verdict is what the end of a call proves.
type Verdict int

// The verdicts.
const (
	Succeeded   Verdict = iota
	Failed              // a definite reply: it was not done, and trying the same again will not help
	NotSent             // nothing was done: the request did not leave, or the platform refused to look at it
	Unreachable         // nothing was done: not even a connection could be made
	Throttled           // nothing was done: too many requests (HTTP 429)
	Unknown             // it may or may not have been done
)

func (v Verdict) String() string {
	return [...]string{"succeeded", "failed", "not sent", "unreachable", "throttled", "unknown"}[v]
}

// Classify says what the error of a call proves. An error that is not of this package proves nothing.
func Classify(err error) Verdict {
	if err == nil {
		return Succeeded
	}
	if call, ok := errors.AsType[*APIError](err); ok {
		return call.Verdict
	}
	if token, ok := errors.AsType[*TokenError](err); ok {
		return token.Verdict
	}
	return Unknown
}

// APIError is a call that did not succeed.
type APIError struct {
	Operation  string
	Verdict    Verdict
	HTTPStatus int // 0 when no answer came
	// Code is the platform's result code, else HTTP-503, timeout, refused, dns, tls, certificate, unconnected, cancelled,
	// broken, unreadable, truncated, too-long, redirect, encoding, unknown-operation, no-v1 or invalid-request; "" when the
	// envelope had none.
	Code      string
	Text      string // the platform's own words
	RequestID string
	// RetryAfter is how long the platform asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Contradictory marks an answer whose `succeed` and code do not agree.
	Contradictory bool
	Err           error // what went wrong underneath, where there was no answer
}

// Error names the operation, the code, what it means, and what it leaves open.
func (e *APIError) Error() string {
	var b strings.Builder
	meaning := e.meaning()
	b.WriteString(e.Operation + ": " + meaning)
	if e.Text != "" && !strings.Contains(meaning, e.Text) {
		fmt.Fprintf(&b, " (%s)", clip(e.Text))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", clip(e.RequestID))
	}
	return b.String()
}

func (e *APIError) Unwrap() error { return e.Err }

func (e *APIError) meaning() string {
	if e.Contradictory {
		return fmt.Sprintf("the answer contradicts itself: `succeed` does not go with code %q", e.Code)
	}
	if meaning := CodeMeaning(e.Code); meaning != "" {
		return e.Code + " " + meaning
	}
	if meaning, ok := localMeaning(e.Code); ok {
		return meaning
	}
	if e.HTTPStatus != 0 && strings.HasPrefix(e.Code, "HTTP-") {
		return strings.TrimSpace("HTTP " + strconv.Itoa(e.HTTPStatus) + " " + http.StatusText(e.HTTPStatus))
	}
	return fmt.Sprintf("code %q", e.Code)
}

// clip keeps foreign text short.
func clip(s string) string {
	const most = 300
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}

// codeOf is the code of an *APIError; "" of any other.
func codeOf(err error) string {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Code
	}
	return ""
}

// tokenRefused reports an answer that a new token may cure.
func tokenRefused(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case strconv.Itoa(CodeTokenExpired), strconv.Itoa(CodeTokenException):
		return e.Verdict == NotSent
	}
	return e.HTTPStatus == http.StatusUnauthorized
}

// refused turns an answer other than 2xx into an error. Its body may hold an envelope with more to say.
func refused(operation string, answer *http.Response, body []byte, now time.Time) *APIError {
	e := &APIError{
		Operation: operation, HTTPStatus: answer.StatusCode,
		Code:       "HTTP-" + strconv.Itoa(answer.StatusCode),
		Verdict:    statusVerdict(answer.StatusCode),
		RetryAfter: retryAfter(answer.Header.Get("Retry-After"), now),
	}
	if answer.StatusCode >= 300 && answer.StatusCode <= 399 {
		e.Code = "redirect"
	}
	if response, err := ParseEnvelope(body); err == nil {
		e.Text, e.RequestID = response.Text, response.RequestID
	}
	return e
}

// statusVerdict says what a status other than 2xx proves. A server or a gateway that fails (5xx) or gives up waiting (408)
// may have passed the request on first.
func statusVerdict(status int) Verdict {
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusUnauthorized:
		return NotSent
	case status == http.StatusRequestTimeout, status >= 500, status < 200:
		return Unknown
	}
	return Failed
}

// retryAfter reads the header's two forms, seconds and a date, bounded by a day. 0 when it says nothing readable.
func retryAfter(header string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(most/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// unanswered turns a failed round trip into an error.
func unanswered(ctx context.Context, operation string, try *attempt, err error) *APIError {
	e := &APIError{Operation: operation, Verdict: Unknown, Code: networkCode(ctx, err), Err: err}
	switch {
	case !try.notSent():
	case errors.Is(ctx.Err(), context.Canceled), e.Code == "certificate", try.connected > 0:
		e.Verdict = NotSent
	default:
		e.Verdict = Unreachable
	}
	if e.Verdict == Unreachable && e.Code == "broken" {
		e.Code = "unconnected"
	}
	return e
}

// networkCode names what went wrong below HTTP.
func networkCode(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "cancelled"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "certificate"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || ctx.Err() != nil {
		return "timeout"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "tls"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "tls"
	}
	return "broken"
}

func bodyCode(err error) string {
	switch {
	case errors.Is(err, errTooLong):
		return "too-long"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated"
	}
	return "broken"
}
