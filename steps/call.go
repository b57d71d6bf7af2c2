package steps

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// throttledPause is how long a limit is held after HTTP 429 without a Retry-After.
const throttledPause = 10 * time.Second

// call is what a step asks of the API.
type call struct {
	operation string
	effect    workflows.Effect
	account   string
	friend    string
	people    []string
	takeover  engine.TakeoverUse
	body      any
	// written is the body where it is encoded already.
	written []byte
	// outputs turns a successful answer into the step's outputs. Its error fails the step.
	outputs func(*youmi.Response) (map[string]any, error)
	assumed map[string]any
	// make makes the call, where it is none of an operation; default: the operation with the body.
	make func(ctx context.Context, api API) (*youmi.Response, error)
}

// action encodes the body, once, and performs exactly that.
func (c call) action(config Config, connection string) (engine.Action, error) {
	body := c.written
	if body == nil {
		var err error
		if body, err = youmi.Encode(c.body); err != nil {
			return engine.Action{}, err
		}
	}
	p := &prepared{
		Request: engine.Request{
			Operation: c.operation, Effect: c.effect, Account: c.account, Friend: c.friend, Body: body, Takeover: c.takeover, People: c.people,
		},
		client: config.API, connection: connection, outputs: c.outputs, make: c.make,
	}
	return engine.Action{Request: &p.Request, Assumed: c.assumed, Perform: p.perform}, nil
}

// prepared is a call that may be made. There is one for each of a million rows: it holds no more than it takes.
type prepared struct {
	engine.Request
	client     func(connection string) (API, error)
	connection string
	outputs    func(*youmi.Response) (map[string]any, error)
	make       func(ctx context.Context, api API) (*youmi.Response, error)
}

func (p *prepared) perform(ctx context.Context) engine.Outcome {
	api, err := p.client(p.connection)
	if err != nil {
		return engine.Outcome{State: engine.NotSent, Code: "connection", Message: fmt.Sprintf("connection %q: %v", p.connection, err)}
	}
	response, err := p.call(ctx, api)
	if err != nil {
		return outcome(err, p.Effect)
	}
	outputs, err := p.outputs(response)
	if err != nil {
		return engine.Outcome{State: engine.Failed, Code: "unreadable", Message: p.Operation + ": " + err.Error(), RequestID: response.RequestID}
	}
	task, _ := outputs["task_id"].(string)
	return engine.Outcome{
		State: engine.Succeeded, Outputs: outputs, Code: strconv.Itoa(response.Code),
		RequestID: response.RequestID, TaskID: task,
	}
}

func (p *prepared) call(ctx context.Context, api API) (*youmi.Response, error) {
	if p.make != nil {
		return p.make(ctx, api)
	}
	return api.Call(ctx, p.Operation, []byte(p.Body))
}

// outcome says what the error of a call means for the engine (engine.md, "Outcomes of a call").
func outcome(err error, effect workflows.Effect) engine.Outcome {
	o := engine.Outcome{State: state(youmi.Classify(err)), Message: err.Error(), Code: "unknown"}
	if refused, ok := errors.AsType[*youmi.APIError](err); ok {
		o.Code, o.RequestID, o.RetryAfter = refused.Code, refused.RequestID, refused.RetryAfter
	} else if token, ok := errors.AsType[*youmi.TokenError](err); ok {
		o.Code, o.RetryAfter = token.Code, token.RetryAfter
		if token.Refused {
			// Credentials that are refused in the middle of a run are waited for, like a platform that is away: failing
			// every recipient would lose the run. A run with wrong ones is refused before it starts.
			o.State = engine.Unreachable
		}
	}
	if youmi.Classify(err) == youmi.Throttled && o.RetryAfter == 0 {
		o.RetryAfter = throttledPause
	}
	o.Retryable = retryable(o, effect)
	o.AccountFault = o.State == engine.Failed && o.Code == codeSendError
	return o
}

// Result codes (doc-3385705) that decide more than failure.
const (
	codeServerError = "200011"
	// codeSendError is "IM send error". That it speaks against the operating account is this project's reading.
	codeSendError = "200013"
)

func state(verdict youmi.Verdict) engine.OutcomeState {
	switch verdict {
	case youmi.Failed:
		return engine.Failed
	case youmi.NotSent, youmi.Throttled:
		return engine.NotSent
	case youmi.Unreachable:
		return engine.Unreachable
	}
	return engine.Unknown
}

// retryable reports whether trying again may help, and may be done.
func retryable(o engine.Outcome, effect workflows.Effect) bool {
	switch o.State {
	case engine.NotSent:
		return o.Code != "certificate" && o.Code != "encoding" && o.Code != "unknown-operation"
	case engine.Unreachable:
		return true
	case engine.Unknown:
		return effect != workflows.EffectMessage
	case engine.Failed:
		return effect != workflows.EffectMessage && o.Code == codeServerError
	}
	return false
}
