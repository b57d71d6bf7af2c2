package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// Runs streams runs, newest first. Filter.Parent and Before are not looked at.
func (c *Client) Runs(ctx context.Context, filter engine.RunFilter) iter.Seq2[result.Run, error] {
	query := url.Values{}
	set(query, "workflow", filter.Workflow)
	set(query, "status", join(filter.Statuses))
	if filter.Sandbox != nil {
		query.Set("sandbox", strconv.FormatBool(*filter.Sandbox))
	}
	return pages[result.Run](ctx, c, query, filter.Limit, "runs")
}

// Run is one run with what it waits for; `last` is the newest.
func (c *Client) Run(ctx context.Context, id string) (run result.Run, err error) {
	return run, c.do(ctx, http.MethodGet, nil, nil, &run, "runs", id)
}

// Items streams what became of every recipient.
func (c *Client) Items(ctx context.Context, run string, statuses []engine.Status) iter.Seq2[result.Item, error] {
	query := url.Values{}
	set(query, "status", join(statuses))
	return pages[result.Item](ctx, c, query, 0, "runs", run, "items")
}

// Calls streams every API call of a run.
func (c *Client) Calls(ctx context.Context, run string) iter.Seq2[result.CallInFull, error] {
	return pages[result.CallInFull](ctx, c, url.Values{}, 0, "runs", run, "calls")
}

// Steer does something with a run: pause, resume or cancel.
func (c *Client) Steer(ctx context.Context, run, word string) (after result.Run, err error) {
	return after, c.do(ctx, http.MethodPost, nil, nil, &after, "runs", run, word)
}

// Decide decides what a run asks: approve or reject. The step is only needed when several ask.
func (c *Client) Decide(ctx context.Context, run, word, step, note string) (after result.Run, err error) {
	body := map[string]string{"step": step, "note": note}
	return after, c.do(ctx, http.MethodPost, nil, body, &after, "runs", run, word)
}

// Settle settles what is unknown of a run: one item, or all, as sent or not-sent; with none of these what the chats tell of.
func (c *Client) Settle(ctx context.Context, run, item string, all bool, as string) (done result.Settled, err error) {
	body := map[string]any{"item": item, "as": as}
	if all {
		body["all"] = true
	}
	return done, c.do(ctx, http.MethodPost, nil, body, &done, "runs", run, "settle")
}

// Version is which version of the program answers, and whether it rehearses.
func (c *Client) Version(ctx context.Context) (version result.Version, err error) {
	return version, c.do(ctx, http.MethodGet, nil, nil, &version, "version")
}

// Doctor is what the daemon finds about itself.
func (c *Client) Doctor(ctx context.Context) (findings []result.Finding, err error) {
	return findings, c.do(ctx, http.MethodGet, nil, nil, &findings, "doctor")
}

// again is the pause before a stream that broke off is opened once more, or a request repeated.
const again = time.Second

// silence is how long a stream may say nothing before it is taken for dead: a daemon shows every 15 s that it lives.
const silence = 45 * time.Second

// Watch streams states of a run, until it is over. A stream that breaks off or falls silent is taken up again; when nothing
// is heard of the daemon for longer than patience, its error is the last.
func (c *Client) Watch(ctx context.Context, run string, patience time.Duration) iter.Seq2[result.Run, error] {
	return func(yield func(result.Run, error) bool) {
		last, heard := "", time.Now()
		for {
			over, err := c.watch(ctx, run, &last, func() { heard = time.Now() }, func(state result.Run) bool { return yield(state, nil) })
			if over {
				return
			}
			refused := (*Error)(nil)
			switch {
			case ctx.Err() != nil:
				yield(result.Run{}, ctx.Err())
				return
			case errors.As(err, &refused) && refused.Status < 500, time.Since(heard) > patience:
				yield(result.Run{}, err)
				return
			}
			pause(ctx)
		}
	}
}

// pause waits a little before something is tried again.
func pause(ctx context.Context) {
	timer := time.NewTimer(again)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// errCut says that a stream ended before the run did.
var errCut = errors.New("the daemon has ended the stream")

// errSilent says that a stream said nothing for too long.
var errSilent = errors.New("nothing is heard of the daemon")

// watch reads one stream, and tells of all that is heard. Over says that nothing more is wanted of it.
func (c *Client) watch(ctx context.Context, run string, last *string, heard func(), take func(result.Run) bool) (over bool, err error) {
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	dead := time.AfterFunc(silence, func() { cut(errSilent) })
	defer dead.Stop()
	r, err := c.request(ctx, http.MethodGet, nil, nil, "runs", run, "events")
	if err != nil {
		return false, err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", *last)
	answer, err := c.send(r)
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		err = &UnreachableError{Host: c.base.Host, Err: errSilent}
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	lines := bufio.NewScanner(io.Reader(answer.Body))
	lines.Buffer(nil, maxAnswer)
	name, id := "", ""
	for lines.Scan() {
		heard()
		dead.Reset(silence)
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			if name == "end" {
				return true, nil
			}
			var state result.Run
			if err := json.Unmarshal([]byte(value), &state); err != nil {
				return false, fmt.Errorf("reading what the daemon at %s tells: %w", c.base.Host, err)
			}
			if *last = id; !take(state) {
				return true, nil
			}
		}
	}
	if err := cmp.Or(context.Cause(ctx), lines.Err()); err != nil {
		return false, &UnreachableError{Host: c.base.Host, Err: err}
	}
	return false, errCut
}

// Schedules are all triggers.
func (c *Client) Schedules(ctx context.Context) (list []result.Schedule, err error) {
	return list, c.do(ctx, http.MethodGet, nil, nil, &list, "schedules")
}

// Next are the instants to come, at most count of each trigger. From is now when it is zero.
func (c *Client) Next(ctx context.Context, from time.Time, count int) (list []result.Upcoming, err error) {
	query := url.Values{"count": {strconv.Itoa(count)}}
	if !from.IsZero() {
		query.Set("from", from.Format(time.RFC3339Nano))
	}
	return list, c.do(ctx, http.MethodGet, query, nil, &list, "schedules", "next")
}

// SteerSchedule does something with triggers: pause or resume. Without trigger all of the workflow are meant.
func (c *Client) SteerSchedule(ctx context.Context, workflow, trigger, word string) error {
	return c.do(ctx, http.MethodPost, nil, map[string]string{"trigger": trigger}, nil, "schedules", workflow, word)
}

// TriggerOrder is what a run is to be like that is triggered by hand. All of it may be left out.
type TriggerOrder struct {
	Trigger string
	Overlap workflows.Overlap // instead of the trigger's
	// Rehearsal is refused by a daemon that works for real.
	Rehearsal bool
}

// Trigger runs a workflow now, as a trigger of it would, and once, as Start does.
func (c *Client) Trigger(ctx context.Context, workflow string, order TriggerOrder, key string, patience time.Duration) (result.Run, error) {
	body := map[string]any{"trigger": order.Trigger}
	if order.Overlap != "" { // a daemon of an earlier version knows no such thing
		body["overlap"] = order.Overlap
	}
	if order.Rehearsal {
		body["sandbox"] = true
	}
	return c.once(ctx, body, key, patience, "schedules", workflow, "trigger")
}

// Backfill makes up for the instants of a span that had no run.
func (c *Client) Backfill(ctx context.Context, workflow, trigger string, from, to time.Time) (runs []result.Run, err error) {
	body := map[string]any{"trigger": trigger, "from": from, "to": to}
	return runs, c.do(ctx, http.MethodPost, nil, body, &runs, "schedules", workflow, "backfill")
}

// Accounts are the operating accounts.
func (c *Client) Accounts(ctx context.Context) (list []result.Account, err error) {
	return list, c.do(ctx, http.MethodGet, nil, nil, &list, "accounts")
}

// TripAccount holds the calls of an account, for a span of time, or with 0 until somebody clears it.
func (c *Client) TripAccount(ctx context.Context, connection, account, reason string, span time.Duration) error {
	body := map[string]string{"connection": connection, "reason": reason}
	if span > 0 {
		body["for"] = span.String()
	}
	return c.do(ctx, http.MethodPost, nil, body, nil, "accounts", account, "trip")
}

// ClearAccount lets the calls of an account go on.
func (c *Client) ClearAccount(ctx context.Context, connection, account string) error {
	return c.do(ctx, http.MethodPost, nil, map[string]string{"connection": connection}, nil, "accounts", account, "clear")
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func join(statuses []engine.Status) string {
	words := make([]string, len(statuses))
	for i, status := range statuses {
		words[i] = string(status)
	}
	return strings.Join(words, ",")
}
