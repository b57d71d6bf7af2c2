package youmi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// MaxBody is the most that is read of an answer, in bytes. A longer one counts as unreadable.
const MaxBody = 1 << 20

// Client calls the API. It is safe for concurrent use.
type Client struct {
	endpoints map[string]*endpoint
	transport http.RoundTripper
	bound     func(context.Context) (context.Context, context.CancelFunc)
	now       func() time.Time
	v2        *authority
	v1        *authority // nil when version 1 is not configured
}

// New makes a client. Nothing is sent until the first call. The error names the setting.
func New(config Config) (*Client, error) {
	config = config.WithDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	merchant, err := newMerchant(config)
	if err != nil {
		return nil, err
	}
	client := &Client{
		transport: config.Transport,
		bound:     config.bound,
		now:       config.Now,
		v2:        merchant.authority(config.BaseURL),
	}
	if config.V1.BaseURL != "" {
		client.v1 = newSigner(config).authority()
	}
	if client.endpoints, err = config.endpoints(client.v1, client.v2); err != nil {
		return nil, err
	}
	return client, nil
}

// String leaves the secret out.
func (c *Client) String() string { return fmt.Sprintf("youmi.Client{%s}", c.v2.base) }

// GoString leaves the secret out.
func (c *Client) GoString() string { return c.String() }

// Authenticate makes sure that there is a token of version 2, so that refused credentials show before anything is sent. Its
// error is a *TokenError.
func (c *Client) Authenticate(ctx context.Context) error {
	_, err := c.v2.tokens.get(ctx, nil)
	return err
}

// HasV1 reports whether version 1 is configured.
func (c *Client) HasV1() bool { return c.v1 != nil }

// AuthenticateV1 makes sure that there is a token of version 1; it does nothing when that is not configured. Its error is a
// *TokenError.
func (c *Client) AuthenticateV1(ctx context.Context) error {
	if c.v1 == nil {
		return nil
	}
	_, err := c.v1.tokens.get(ctx, nil)
	return err
}

// CloseIdle closes the connections that no call is using.
func (c *Client) CloseIdle() {
	if closer, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// Call calls an operation of openapi.yaml. A body that is a []byte or json.RawMessage is sent as it is, any other is
// encoded, nil sends none. What a GET takes is a JSON object too, and is sent as a query. The error is an *APIError or a
// *TokenError; Classify says what it proves. A call that the platform refuses for its token, or a signed one for its time,
// is repeated once with another: such an answer proves that nothing was done.
func (c *Client) Call(ctx context.Context, operation string, body any) (*Response, error) {
	to, ok := c.endpoints[operation]
	if !ok {
		return nil, &APIError{Operation: operation, Verdict: NotSent, Code: "unknown-operation", Text: "openapi.yaml has no such operation"}
	}
	if to.via == nil {
		return nil, &APIError{Operation: operation, Verdict: Failed, Code: "no-v1"}
	}
	payload, err := Encode(body)
	if err == nil {
		to, payload, err = to.prepare(payload)
	}
	if err != nil {
		return nil, &APIError{Operation: operation, Verdict: NotSent, Code: "encoding", Err: err}
	}
	return c.call(ctx, to, payload)
}

// once makes the call with one set of headers. On a kept connection that turned out to be closed before a byte was
// written, it takes another connection, once.
func (c *Client) once(ctx context.Context, to *endpoint, payload []byte, header http.Header) (*Response, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if err := context.Cause(ctx); err != nil {
		return nil, &APIError{Operation: to.operation.ID, Verdict: NotSent, Code: networkCode(ctx, err), Err: err}
	}
	for stale := 0; ; stale++ {
		try, traced := newAttempt(ctx, payload)
		sent := c.now()
		answer, err := c.transport.RoundTrip(try.request(traced, to, header))
		if err == nil {
			received := c.now()
			response, err := read(to.operation.ID, answer, received)
			to.via.clock.measure(answer.Header, timeOf(response), sent, received)
			if err != nil {
				return nil, err
			}
			return response, nil
		}
		if stale == 0 && try.reused && try.notSent() && ctx.Err() == nil {
			continue
		}
		return nil, unanswered(ctx, to.operation.ID, try, err)
	}
}

func timeOf(response *Response) string {
	if response == nil {
		return ""
	}
	return response.Time
}

// read turns an answer, received now, into a Response, an *APIError, or both.
func read(operation string, answer *http.Response, now time.Time) (*Response, error) {
	defer answer.Body.Close()
	body, err := readBounded(answer)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		// The status says what it proves, also when the body cannot be read.
		return nil, refused(operation, answer, body, now)
	}
	if err != nil {
		return nil, &APIError{Operation: operation, Verdict: Unknown, HTTPStatus: answer.StatusCode, Code: bodyCode(err), Err: err}
	}
	response, err := ParseEnvelope(body)
	if err != nil {
		return nil, &APIError{Operation: operation, Verdict: Unknown, HTTPStatus: answer.StatusCode, Code: "unreadable", Err: err}
	}
	if verdict := response.verdict(); verdict != Succeeded {
		return response, &APIError{
			Operation: operation, Verdict: verdict, HTTPStatus: answer.StatusCode,
			Code: response.codeText(), Text: response.Text, RequestID: response.RequestID,
			Contradictory: verdict == Unknown,
		}
	}
	return response, nil
}

var errTooLong = errors.New("the answer is longer than 1 MiB")

// readBounded reads an answer to its end, so that the connection can be used again.
func readBounded(answer *http.Response) ([]byte, error) {
	if answer.ContentLength > MaxBody {
		return nil, errTooLong
	}
	if n := answer.ContentLength; n >= 0 {
		body := make([]byte, n)
		if _, err := io.ReadFull(answer.Body, body); err != nil {
			return nil, err
		}
		// The end has to be read too, or the connection is not given back.
		_, err := answer.Body.Read(make([]byte, 1))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxBody+1))
	if len(body) > MaxBody {
		return nil, errTooLong
	}
	return body, err
}

// Encode writes a body as JSON, without escaping `<`, `>` and `&`, so that it reads like the text it holds. A []byte or
// json.RawMessage is returned as it is, nil gives nil.
func Encode(body any) ([]byte, error) {
	switch body := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return body, nil
	case json.RawMessage:
		return body, nil
	}
	return encodeJSON(body)
}
