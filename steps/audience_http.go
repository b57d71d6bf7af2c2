package steps

import (
	"context"
	"fmt"
	"net/url"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/fetch"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// mostHTTPPages is how many pages audience.http reads when the workflow does not say.
const mostHTTPPages = 10_000

func audienceHTTP(config Config) *entry {
	open := expression.Type{Kind: expression.Object, Open: true}
	next := []workflows.Field{
		{Name: "page", Type: textType(), Description: "the parameter that takes the number of the page; the first page without rows is the end"},
		{Name: "first", Type: integerType(), Description: "with page: the number of the first; default 1"},
		{Name: "cursor", Type: textType(), Description: "where the answer holds the mark of the next page, such as paging.next; none is the end"},
		{Name: "to", Type: textType(), Description: "with cursor: the parameter that takes it; default the last part of cursor"},
		{Name: "link", Type: textType(), Description: "where the answer holds the address of the next page, or `Link` for the header of that name; none is the end"},
	}
	params := []param{
		ownParam("url", "the address; its host must stand under http.hosts in youmiflow.yaml", textType()).must(),
		choiceParam("method", "", "default GET; a POST must only read, since it is repeated when no answer came", option{"GET", "GET"}, option{"POST", "POST"}),
		ownParam("headers", "headers, name by name", open),
		ownParam("body", "the body of a POST, sent as JSON", expression.Type{}),
		ownParam("rows", "where the answer holds the list of rows, such as data.items; default the answer itself", textType()),
		ownParam("next", "how to ask for the next page: by its number, by a mark or by an address; default there is one page", objectType(next)),
		ownParam("pages", fmt.Sprintf("how many pages at most, beyond which the reading fails; default %d", mostHTTPPages), integerType()),
		ownParam("limit", "how many rows at most; default all", integerType()),
	}
	for i := range params {
		if params[i].Name == "next" {
			params[i].Fields = next
			params[i].OneOf = []workflows.Choice{{Groups: [][]string{{"page"}, {"cursor"}, {"link"}}}}
		}
	}
	return &entry{
		StepType: workflows.StepType{
			Name: "audience.http", Effect: workflows.EffectRead,
			Summary: "Reads an audience from a JSON API, page by page. Only hosts that the project allows are reached.",
			Inputs:  fieldsOf(params),
			Outputs: []workflows.Field{
				{Name: "rows", Type: opaque("rows"), Description: "the rows, for a foreach; their columns are the names in the objects of the list"},
			},
			Example: `id: members
uses: audience.http
with:
  url: https://crm.example.com/members?tier=gold
  headers: { Authorization: "Bearer ${{ secrets.crm_token }}" }
  rows: data.items
  next: { cursor: data.next, to: after }
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			rows, err := prepareHTTPRows(config, params, inputs{values: input.With})
			if err != nil {
				return engine.Action{}, err
			}
			return engine.Action{Perform: func(context.Context) engine.Outcome {
				return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"rows": rows}}
			}}, nil
		},
	}
}

// httpRows is an audience behind a JSON API, read anew whenever it is opened.
type httpRows struct {
	config  Config
	request fetch.Request
	body    any // of a POST
	rows    string
	page    string // parameter; "" unless pages are numbered
	first   int64
	cursor  string // path in the answer
	to      string
	link    string
	pages   int64
	limit   int64
}

var _ engine.PacedRows = (*httpRows)(nil)

func prepareHTTPRows(config Config, params []param, in inputs) (*httpRows, error) {
	r := &httpRows{config: config, request: fetch.Request{Method: "GET"}}
	var err error
	if in.has("method") {
		method, err := params[1].encode(in, "method")
		if err != nil {
			return nil, err
		}
		r.request.Method, _ = method.(string)
	}
	if r.request.URL, err = in.required("url", maxURL); err != nil {
		return nil, err
	}
	if _, err := config.HTTP.Allowed(r.request.URL); err != nil {
		return nil, err
	}
	if r.request.Header, err = in.headers("headers"); err != nil {
		return nil, err
	}
	if r.request.Method == "GET" && in.has("body") {
		return nil, fmt.Errorf("body: a GET has none")
	}
	r.body = in.values["body"]
	if _, err := youmi.Encode(r.body); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if r.rows, err = in.text("rows", maxIdentifier); err != nil {
		return nil, err
	}
	if r.pages, err = in.within("pages", 1, 1_000_000, mostHTTPPages); err != nil {
		return nil, err
	}
	if r.limit, err = in.within("limit", 1, 1<<53, 1<<53); err != nil {
		return nil, err
	}
	return r, r.next(in)
}

// next reads how pages follow each other.
func (r *httpRows) next(in inputs) error {
	if !in.has("next") {
		return nil
	}
	next, err := in.object("next", "")
	if err != nil {
		return err
	}
	for name, into := range map[string]*string{"page": &r.page, "cursor": &r.cursor, "to": &r.to, "link": &r.link} {
		if *into, err = next.text(name, maxIdentifier); err != nil {
			return err
		}
	}
	if r.first, err = next.within("first", 0, 1<<53, 1); err != nil {
		return err
	}
	given := 0
	for _, way := range []string{r.page, r.cursor, r.link} {
		if way != "" {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("next needs one of page, cursor and link")
	}
	if r.to == "" {
		r.to = lastName(r.cursor)
	}
	return nil
}

// Open implements engine.Rows, for readers that keep no limits.
func (r *httpRows) Open(ctx context.Context) (engine.RowReader, error) {
	return r.OpenPaced(ctx, unpaced{})
}

// OpenPaced implements engine.PacedRows.
func (r *httpRows) OpenPaced(ctx context.Context, pacer engine.Pacer) (engine.RowReader, error) {
	reader := &httpReader{rows: r, ctx: ctx, pacer: pacer, address: r.request.URL, body: r.body, more: true}
	if r.page == "" {
		return reader, nil
	}
	return reader, reader.set(r.page, r.first)
}

// withQuery sets a parameter of an address.
func withQuery(address, name, value string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("url: it cannot be read as an address")
	}
	query := parsed.Query()
	query.Set(name, value)
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}
