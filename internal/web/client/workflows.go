package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
)

// Order is what a run is to be like. All of it may be left out.
type Order struct {
	Params map[string]any
	// Digest is that of the workflow's text that is meant. The daemon refuses when another is in force.
	Digest string
	// Plan is the digest of the plan that the run is bound to. Plans do not look at it.
	Plan string
	Test *engine.Test
	// Rehearsal is refused by a daemon that works for real. Plans do not look at it.
	Rehearsal bool
	// Samples is how many items a plan shows in full, up to 1000; 0: a few. Runs do not look at it.
	Samples int
}

// body is what is sent of an order: to plan, or to run.
func (o Order) body(run bool) map[string]any {
	body := map[string]any{}
	if len(o.Params) > 0 {
		body["params"] = o.Params
	}
	if o.Digest != "" {
		body["digest"] = o.Digest
	}
	if o.Samples != 0 && !run {
		body["samples"] = o.Samples
	}
	if o.Test != nil {
		test := map[string]any{"account": o.Test.Account, "friend": o.Test.Friend}
		if o.Test.Rows != 0 {
			test["rows"] = o.Test.Rows
		}
		body["test_to"] = test
	}
	if run && o.Plan != "" {
		body["plan"] = o.Plan
	}
	if run && o.Rehearsal {
		body["sandbox"] = true
	}
	return body
}

// Workflows are those of the daemon's folder, by name.
func (c *Client) Workflows(ctx context.Context) (list []result.Workflow, err error) {
	return list, c.do(ctx, http.MethodGet, nil, nil, &list, "workflows")
}

// Workflow is one with its text and its problems.
func (c *Client) Workflow(ctx context.Context, name string) (workflow result.WorkflowInFull, err error) {
	return workflow, c.do(ctx, http.MethodGet, nil, nil, &workflow, "workflows", name)
}

// Problems are those of the file of a workflow of the daemon as it is now; with "" those of all files, by file.
func (c *Client) Problems(ctx context.Context, workflow string) (list diagnostic.List, err error) {
	query := url.Values{}
	set(query, "workflow", workflow)
	return list, c.do(ctx, http.MethodGet, query, nil, &list, "validate")
}

// Validate has a text be checked as if it stood in the daemon's project under that file name.
func (c *Client) Validate(ctx context.Context, file string, source []byte) (list diagnostic.List, err error) {
	body := map[string]string{"file": file, "source": string(source)}
	return list, c.do(ctx, http.MethodPost, nil, body, &list, "validate")
}

// Plan foresees what a run would do.
func (c *Client) Plan(ctx context.Context, workflow string, order Order) (plan result.Plan, err error) {
	return plan, c.do(ctx, http.MethodPost, nil, order.body(false), &plan, "workflows", workflow, "plan")
}

// DoubtError says that it is not known whether a run was begun: the request may have arrived, and no answer came.
type DoubtError struct{ Err error }

// Error says so.
func (e *DoubtError) Error() string {
	return fmt.Sprintf("it is not known whether the run was begun: %v", e.Err)
}

// Unwrap gives the cause.
func (e *DoubtError) Unwrap() error { return e.Err }

// Start starts a run, once, whatever becomes of the connection: a request whose answer was lost is repeated with the same key
// until patience is over. The key is any text of up to 200 characters, another for each run that is meant. An error other
// than *DoubtError says that nothing was begun.
func (c *Client) Start(ctx context.Context, workflow string, order Order, key string, patience time.Duration) (result.Run, error) {
	return c.once(ctx, order.body(true), key, patience, "workflows", workflow, "runs")
}

// once sends a request that starts a run until it is answered.
func (c *Client) once(ctx context.Context, body any, key string, patience time.Duration, path ...string) (result.Run, error) {
	began := time.Now()
	open := false // a request may have been done of which nothing was heard
	for {
		run, sent, err := c.start(ctx, body, key, path)
		if err == nil {
			return run, nil
		}
		said := sayingOf(err)
		switch said {
		case saysNo:
			open = false
		case saysLater, saysBroken:
			open = open || sent
		}
		switch {
		case !open:
			return run, err
		case said == saysLater && ctx.Err() == nil && time.Since(began) < patience:
			pause(ctx)
		default:
			return run, &DoubtError{err}
		}
	}
}

// start sends the request to start a run once. Sent reports whether it may have arrived.
func (c *Client) start(ctx context.Context, body any, key string, path []string) (run result.Run, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var wrote atomic.Bool // by a goroutine of the connection
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	r, err := c.request(ctx, http.MethodPost, nil, body, path...)
	if err != nil {
		return run, false, err
	}
	r.Header.Set("Idempotency-Key", key)
	err = c.exchange(r, &run)
	return run, wrote.Load(), err
}

// saying is what an error tells of a request to start a run.
type saying int

const (
	saysLater   saying = iota // that there was no answer to it yet: it may have been done
	saysNo                    // that nothing was begun, neither by it nor by one before it of the same key
	saysNothing               // that this one was not looked at
	saysBroken                // that the daemon failed over it
)

func sayingOf(err error) saying {
	refused := (*Error)(nil)
	switch {
	case !errors.As(err, &refused):
		return saysLater
	case refused.Code == "internal":
		return saysBroken
	case refused.Status == http.StatusUnauthorized, refused.Status == http.StatusForbidden, refused.Status == http.StatusTooManyRequests:
		return saysNothing
	case refused.Code == "unavailable", refused.Code == "" && refused.Status >= 500: // of the daemon, or of a proxy before it
		return saysLater
	}
	return saysNo
}
