package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/fetch"
	"youmiflow/internal/redact"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// HTTP makes requests to the hosts that a project allows; *fetch.Client does.
type HTTP interface {
	// Allowed reports why an address may not be reached. Nothing is looked up.
	Allowed(address string) (*url.URL, error)
	// Do makes a request, once. See fetch.Client.Do for the errors.
	Do(ctx context.Context, request fetch.Request) (*fetch.Response, error)
}

// Bounds of http.request. What it answers is kept in the ledger.
const (
	maxAnswer      = 256 << 10 // bytes
	maxRequestBody = 1 << 20   // bytes
	maxHeaders     = 50
	maxHTTPTimeout = 5 * time.Minute
)

func httpMethods() []option {
	return []option{{"GET", "GET"}, {"HEAD", "HEAD"}, {"POST", "POST"}, {"PUT", "PUT"}, {"PATCH", "PATCH"}, {"DELETE", "DELETE"}}
}

// httpRequest is described as a message, since it may be one; a request has the effect of its method, or the one that the
// workflow declares.
func httpRequest(config Config) *entry {
	open := expression.Type{Kind: expression.Object, Open: true}
	params := []param{
		choiceParam("method", "", "default GET", httpMethods()...),
		ownParam("url", "the address; its host must stand under http.hosts in youmiflow.yaml", textType()).must(),
		ownParam("headers", "headers, name by name; their values are kept out of the ledger where they hold a key or a token", open),
		ownParam("json", "the body, sent as JSON", expression.Type{}),
		ownParam("body", "the body as a text, sent as it is", textType()),
		ownParam("timeout", "how long it may take; default 30s, at most 5m", expression.Type{Kind: expression.Duration}),
		choiceParam("effect", "", "what the request does: `read` and `idempotent` requests are repeated when their outcome was not learned, a `message` is made at most once. Default: read for GET and HEAD, else message. Nobody can check it", rawEffects()...),
	}
	return &entry{
		StepType: workflows.StepType{
			Name: "http.request", Effect: workflows.EffectMessage,
			Summary: "Makes an HTTP request to a host that the project allows. Whatever is not 2xx fails the step.",
			Inputs:  fieldsOf(params),
			Outputs: []workflows.Field{
				{Name: "status", Type: integerType(), Description: "the HTTP status"},
				{Name: "headers", Type: open, Description: "the answer's headers, in small letters"},
				{Name: "json", Description: "the answer's body, where it is JSON"},
				{Name: "text", Type: textType(), Description: "the answer's body as a text; empty where it is none"},
			},
			Example: `uses: http.request
with:
  method: POST
  url: https://crm.example.com/contacts
  headers: { Authorization: "Bearer ${{ secrets.crm_token }}" }
  json: { friend: wxid_example, reached: true }
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return prepareHTTP(config, params, input) },
	}
}

// httpCall is a request that is ready to be made.
type httpCall struct {
	config  Config
	request fetch.Request
	effect  workflows.Effect
}

func prepareHTTP(config Config, params []param, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	c := &httpCall{config: config}
	chosen := map[string]any{"method": "GET", "effect": nil}
	for _, p := range params {
		if p.encode == nil || !in.has(p.Name) {
			continue
		}
		var err error
		if chosen[p.Name], err = p.encode(in, p.Name); err != nil {
			return engine.Action{}, err
		}
	}
	c.request.Method, _ = chosen["method"].(string)
	reads := c.request.Method == "GET" || c.request.Method == "HEAD"
	c.effect = workflows.EffectMessage
	if effect, ok := chosen["effect"].(workflows.Effect); ok {
		c.effect = effect
	} else if reads {
		c.effect = workflows.EffectRead
	}
	if err := c.read(in); err != nil {
		return engine.Action{}, err
	}
	if reads && c.request.Body != nil {
		return engine.Action{}, fmt.Errorf("a %s has no body", c.request.Method)
	}
	logged, err := c.logged(in)
	if err != nil {
		return engine.Action{}, err
	}
	return engine.Action{
		Request: &engine.Request{Operation: "http.request", Effect: c.effect, Body: logged},
		Assumed: map[string]any{"status": 200, "headers": map[string]any{}, "json": nil, "text": ""},
		Perform: c.perform,
	}, nil
}

// read takes the request from the inputs.
func (c *httpCall) read(in inputs) (err error) {
	if c.request.URL, err = in.required("url", maxURL); err != nil {
		return err
	}
	if _, err := c.config.HTTP.Allowed(c.request.URL); err != nil {
		return err
	}
	if c.request.Header, err = in.headers("headers"); err != nil {
		return err
	}
	c.request.MaxBody = maxAnswer
	switch {
	case in.has("json") && in.has("body"):
		return errors.New("json and body: give one of them")
	case in.has("json"):
		if c.request.Body, err = youmi.Encode(in.values["json"]); err != nil {
			return fmt.Errorf("json: %w", err)
		}
		c.typed("application/json")
	case in.has("body"):
		text, err := in.text("body", maxRequestBody)
		if err != nil {
			return err
		}
		c.request.Body = []byte(text)
		c.typed("text/plain; charset=utf-8")
	}
	if len(c.request.Body) > maxRequestBody {
		return fmt.Errorf("the body has %d bytes; %d is the most", len(c.request.Body), maxRequestBody)
	}
	if in.has("timeout") {
		timeout, ok := in.values["timeout"].(time.Duration)
		if !ok || timeout <= 0 || timeout > maxHTTPTimeout {
			return fmt.Errorf("timeout must be a duration of up to %s", maxHTTPTimeout)
		}
		c.request.Timeout = timeout
	}
	return nil
}

// typed says what the body is, unless the workflow does.
func (c *httpCall) typed(kind string) {
	for name := range c.request.Header {
		if strings.EqualFold(name, "Content-Type") {
			return
		}
	}
	if c.request.Header == nil {
		c.request.Header = map[string]string{}
	}
	c.request.Header["Content-Type"] = kind
}

// headers reads an object of texts.
func (in inputs) headers(field string) (map[string]string, error) {
	if !in.has(field) {
		return nil, nil
	}
	object, err := in.mapping(field)
	if err != nil {
		return nil, err
	}
	if len(object) > maxHeaders {
		return nil, fmt.Errorf("%s has %d headers; %d is the most", in.name(field), len(object), maxHeaders)
	}
	headers := make(map[string]string, len(object))
	for name := range object {
		value, err := inputs{values: object, where: in.name(field) + "."}.text(name, maxShort)
		if err != nil {
			return nil, err
		}
		headers[name] = value
	}
	return headers, nil
}

// logged is what the ledger and a plan keep of the request. Keys and tokens that do not come from a secret are hidden too.
func (c *httpCall) logged(in inputs) (json.RawMessage, error) {
	whole := map[string]any{"method": c.request.Method, "url": c.request.URL}
	if len(c.request.Header) > 0 {
		headers := maps.Clone(c.request.Header)
		for name := range headers {
			if private(name) {
				headers[name] = redact.Mark
			}
		}
		whole["headers"] = headers
	}
	for _, name := range []string{"json", "body"} {
		if in.has(name) {
			whole[name] = in.values[name]
		}
	}
	return youmi.Encode(whole)
}

// private reports whether a header usually holds a key or a token.
func private(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"authorization", "cookie", "token", "secret", "key", "password", "signature"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

func (c *httpCall) perform(ctx context.Context) engine.Outcome {
	if c.config.Rehearsal && c.effect != workflows.EffectRead {
		return engine.Outcome{State: engine.Succeeded, Code: "rehearsal", Outputs: map[string]any{
			"status": 200, "headers": map[string]any{}, "json": nil, "text": ""}}
	}
	response, err := c.config.HTTP.Do(ctx, c.request)
	if err != nil {
		return httpFailure(err, c.effect)
	}
	return httpOutcome(response, c.effect)
}

// httpFailure says what a request without an answer means. What may have been acted upon is unknown.
func httpFailure(err error, effect workflows.Effect) engine.Outcome {
	o := engine.Outcome{State: engine.Unknown, Code: "broken", Message: err.Error(), Retryable: effect != workflows.EffectMessage}
	failure, ok := errors.AsType[*fetch.Error](err)
	if !ok {
		return o
	}
	o.Code = failure.Code
	switch {
	case !failure.Left:
		o.State, o.Retryable = engine.NotSent, failure.Retryable
	case failure.Code == "not-allowed", failure.Code == "redirect", failure.Code == "private-address":
		// A read was led to where it may not go: it will be again.
		o.State, o.Retryable = engine.Failed, false
	case effect != workflows.EffectMessage && !failure.Retryable:
		o.State, o.Retryable = engine.Failed, false
	}
	return o
}

// httpOutcome says what an answer means: 2xx succeeds, 429 was not looked at, 5xx leaves open what was done.
func httpOutcome(response *fetch.Response, effect workflows.Effect) engine.Outcome {
	o := engine.Outcome{State: engine.Succeeded, Code: strconv.Itoa(response.Status), Outputs: httpAnswer(response)}
	if response.Status >= 200 && response.Status <= 299 {
		return o
	}
	o.State, o.Code = engine.Failed, "HTTP-"+o.Code
	o.Message = "the server answers " + strconv.Itoa(response.Status)
	if text := strings.TrimSpace(clip(o.Outputs["text"].(string))); text != "" {
		o.Message += ": " + strings.Join(strings.Fields(text), " ")
	}
	switch {
	case response.Status == 429:
		o.State, o.Retryable, o.RetryAfter = engine.NotSent, true, response.RetryAfter
		if o.RetryAfter == 0 {
			o.RetryAfter = throttledPause
		}
	case response.Status >= 500 || response.Status == 408:
		o.State, o.Retryable = engine.Unknown, effect != workflows.EffectMessage
	case response.Status >= 300 && response.Status <= 399:
		o.Message += ", which leads to another address: give that one"
	}
	return o
}

// httpAnswer are the outputs.
func httpAnswer(response *fetch.Response) map[string]any {
	headers := make(map[string]any, len(response.Header))
	for name, value := range response.Header {
		if !private(name) {
			headers[strings.ToLower(name)] = strings.ToValidUTF8(value, "�")
		}
	}
	outputs := map[string]any{"status": response.Status, "headers": headers, "json": nil, "text": ""}
	if utf8.Valid(response.Body) {
		outputs["text"] = string(response.Body)
	}
	kind, _, err := mime.ParseMediaType(response.Header["Content-Type"])
	trimmed := bytes.TrimSpace(response.Body)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) || bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("[")) {
		if value, err := decodeValues(trimmed); err == nil && json.Valid(trimmed) {
			outputs["json"] = value
		}
	}
	return outputs
}
