package steps

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// Bounds of paging. The vendor documents no largest page.
const (
	defaultPage = 100
	mostPage    = 1_000
	mostPages   = 1_000_000
	// pageAttempts is how often a page is asked for before the reading fails.
	pageAttempts = 6
	firstBackoff = time.Second
	mostBackoff  = 30 * time.Second
)

// listing is a step that reads a list page by page, while a foreach takes its snapshot of it.
type listing struct {
	operation
	paging *youmi.Paging // nil for a list that is answered whole
	// row makes the columns of what the platform gave; nil: they are the platform's own.
	row func(in inputs, columns map[string]any) (map[string]any, error)
	// marks are columns by which an object is known to be a row, where one may stand for a list.
	marks []string
}

// entry makes the step. It performs nothing itself: the calls are made by whoever goes over the rows.
func (l listing) entry(config Config) *entry {
	if i := slices.IndexFunc(config.Operations, func(o youmi.Operation) bool { return o.ID == l.id }); i >= 0 {
		l.paging = config.Operations[i].Paging
	}
	params := append(slices.Clone(l.params), ownParam("limit", "how many rows at most; default all", integerType()))
	if l.paging != nil {
		size := ownParam("page_size", fmt.Sprintf("how many rows to ask for at once, 1 to %d; default %d", mostPage, defaultPage), integerType())
		size.APIName = l.paging.Size
		params = append(params, size)
	}
	return &entry{
		operation: l.id,
		StepType: workflows.StepType{
			Name: l.name, Effect: workflows.EffectRead, Summary: l.summary, Inputs: fieldsOf(params), OneOf: l.oneOf,
			Outputs: l.outputs, Example: l.example,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			rows, err := l.rows(config, input)
			if err != nil {
				return engine.Action{}, err
			}
			return engine.Action{Perform: func(context.Context) engine.Outcome {
				return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"rows": rows}}
			}}, nil
		},
	}
}

// rows prepares the audience.
func (l listing) rows(config Config, input engine.Input) (*pagedRows, error) {
	in := inputs{values: input.With}
	rows := &pagedRows{listing: l, config: config, connection: input.Connection, in: in}
	var err error
	if l.check != nil {
		if err = l.check(in); err != nil {
			return nil, err
		}
	}
	if rows.call, err = l.call(in); err != nil {
		return nil, err
	}
	if rows.pageSize, err = in.within("page_size", 1, mostPage, defaultPage); err != nil {
		return nil, err
	}
	rows.limit, err = in.within("limit", 1, 1<<53, 1<<53)
	return rows, err
}

// pagedRows is an audience on the platform, read anew whenever it is opened.
type pagedRows struct {
	listing    listing
	config     Config
	connection string
	in         inputs
	call       call
	pageSize   int64
	limit      int64
}

var _ engine.PacedRows = (*pagedRows)(nil)

// Open implements engine.Rows, for readers that keep no limits.
func (r *pagedRows) Open(ctx context.Context) (engine.RowReader, error) {
	return r.OpenPaced(ctx, unpaced{})
}

// OpenPaced implements engine.PacedRows.
func (r *pagedRows) OpenPaced(ctx context.Context, pacer engine.Pacer) (engine.RowReader, error) {
	api, err := r.config.API(r.connection)
	if err != nil {
		return nil, fmt.Errorf("connection %q: %w", r.connection, err)
	}
	return &pageReader{rows: r, ctx: ctx, api: api, pacer: pacer}, nil
}

// unpaced waits only where it is told how long.
type unpaced struct{}

func (unpaced) Await(ctx context.Context, _ engine.Request, notBefore time.Time) error {
	timer := time.NewTimer(time.Until(notBefore))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (unpaced) Hold(context.Context, engine.Request, time.Duration) error { return nil }

// pageReader holds one page at a time.
type pageReader struct {
	rows  *pagedRows
	ctx   context.Context
	api   API
	pacer engine.Pacer

	page    []any
	next    int      // in page
	number  int      // of rows handed out
	pages   int      // read
	longest int      // of the pages so far
	last    [32]byte // digest of the page before
	over    bool
}

// Next implements engine.RowReader.
func (r *pageReader) Next() (map[string]any, int, error) {
	for r.next == len(r.page) {
		if r.over {
			return nil, 0, io.EOF
		}
		if err := r.turn(); err != nil {
			return nil, 0, err
		}
	}
	if int64(r.number) >= r.rows.limit {
		return nil, 0, io.EOF
	}
	columns, ok := r.page[r.next].(map[string]any)
	if !ok {
		return nil, 0, r.wrong(fmt.Sprintf("row %d is %s, not an object", r.next+1, kind(r.page[r.next])))
	}
	r.next++
	r.number++
	if r.rows.listing.row != nil {
		var err error
		if columns, err = r.rows.listing.row(r.rows.in, columns); err != nil {
			return nil, 0, r.wrong(err.Error())
		}
	}
	return columns, r.number, nil
}

// Close implements engine.RowReader.
func (r *pageReader) Close() error { return nil }

// turn reads the next page, and finds out whether it is the last.
func (r *pageReader) turn() error {
	if r.rows.listing.paging == nil && r.pages > 0 || int64(r.number) >= r.rows.limit {
		r.over = true
		return nil
	}
	if r.pages == mostPages {
		return r.wrong("there is no end to them")
	}
	r.pages++
	response, err := r.ask()
	if err != nil {
		return err
	}
	page, err := r.list(response.Values)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(response.Values)
	repeated := r.pages > 1 && digest == r.last
	if repeated && r.pages == 2 && int64(len(page)) == r.rows.pageSize {
		// Either these are all there are, or the platform takes no notice of the page's number and the rest stays
		// unseen. Nobody may be left out in silence.
		return r.wrong(fmt.Sprintf("the platform gives page 1 again, and it is full: it seems to ignore `%s`. Set page_size to another value than %d: with a page that is not full, the list is known to be whole",
			r.rows.listing.paging.Page, r.rows.pageSize))
	}
	r.page, r.next, r.last = page, 0, digest
	if repeated {
		r.page = nil
	}
	// The first page is short when it ends the list, and also where the platform gives fewer rows than it is asked for: only a
	// second one tells. From then on, a page shorter than those before is the last.
	r.over = len(r.page) == 0 || len(r.page) < r.longest
	r.longest = max(r.longest, len(r.page))
	return nil
}

// list finds the rows in `values`: a list, or the one list within an object.
func (r *pageReader) list(raw json.RawMessage) ([]any, error) {
	value, err := decodeValues(raw)
	if err != nil {
		return nil, r.wrong(err.Error())
	}
	if object, ok := value.(map[string]any); ok {
		if _, ok := firstColumn(object, r.rows.listing.marks); ok {
			return []any{object}, nil
		}
	}
	if list, ok := listIn(value); ok {
		return list, nil
	}
	return nil, r.wrong("there is no list in it: " + kindOfAnswer(value))
}

// ask asks for a page until it is answered, with growing pauses: reading it again changes nothing.
func (r *pageReader) ask() (*youmi.Response, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	call := r.rows.call
	request := engine.Request{Operation: call.operation, Effect: workflows.EffectRead, Account: call.account, Friend: call.friend, Body: body}
	var notBefore time.Time
	for attempt := 1; ; attempt++ {
		if err := r.pacer.Await(r.ctx, request, notBefore); err != nil {
			return nil, err
		}
		response, err := r.api.Call(r.ctx, call.operation, body)
		if err == nil {
			return response, nil
		}
		failure := outcome(err, workflows.EffectRead)
		if failure.RetryAfter > 0 {
			if err := r.pacer.Hold(r.ctx, request, failure.RetryAfter); err != nil {
				return nil, err
			}
		}
		if !failure.Retryable || attempt == pageAttempts || r.ctx.Err() != nil {
			return nil, r.failed(attempt, err)
		}
		notBefore = r.rows.config.Now().Add(max(failure.RetryAfter, min(firstBackoff<<(attempt-1), mostBackoff)))
	}
}

func (r *pageReader) failed(attempts int, err error) error {
	if attempts == 1 {
		return fmt.Errorf("page %d: %w", r.pages, err)
	}
	return fmt.Errorf("page %d, after %d attempts: %w", r.pages, attempts, err)
}

// body is the request for the current page.
func (r *pageReader) body() (json.RawMessage, error) {
	fields, _ := r.rows.call.body.(map[string]any)
	if paging := r.rows.listing.paging; paging != nil {
		fields = maps.Clone(fields)
		fields[paging.Page], fields[paging.Size] = paging.First+r.pages-1, r.rows.pageSize
	}
	if fields == nil {
		return nil, nil
	}
	return youmi.Encode(fields)
}

func (r *pageReader) wrong(problem string) error {
	return fmt.Errorf("page %d of %s: %s", r.pages, r.rows.call.operation, problem)
}
