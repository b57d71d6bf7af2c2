package steps

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/fetch"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// httpReader holds one page at a time.
type httpReader struct {
	rows  *httpRows
	ctx   context.Context
	pacer engine.Pacer

	address string // of the next page
	body    any    // of the request for it
	page    []any
	next    int // in page
	number  int // of rows handed out
	pages   int // read
	last    [32]byte
	more    bool // there is a next page
}

// Next implements engine.RowReader.
func (r *httpReader) Next() (map[string]any, int, error) {
	if int64(r.number) >= r.rows.limit {
		return nil, 0, io.EOF
	}
	for r.next == len(r.page) {
		if !r.more {
			return nil, 0, io.EOF
		}
		if err := r.turn(); err != nil {
			return nil, 0, err
		}
	}
	element := r.page[r.next]
	r.next++
	r.number++
	row, ok := element.(map[string]any)
	if !ok {
		return nil, 0, &engine.RowProblem{Row: r.number, Problem: "it is " + kind(element) + ", not an object", Hint: "see `rows` of the step: it names the list of the rows"}
	}
	return row, r.number, nil
}

// Close implements engine.RowReader.
func (r *httpReader) Close() error { return nil }

// turn reads the next page.
func (r *httpReader) turn() error {
	if int64(r.pages) == r.rows.pages {
		return r.wrong("there are more than %d pages: raise `pages` if that is meant", r.rows.pages)
	}
	r.pages++
	response, err := r.ask()
	if err != nil {
		return err
	}
	digest := sha256.Sum256(response.Body)
	if r.pages > 1 && digest == r.last && len(r.page) > 0 {
		return r.wrong("it is the same as the page before: the server takes no notice of which page is asked for, and the rest would stay unseen")
	}
	r.last = digest
	answer, err := decodeValues(response.Body)
	if err != nil {
		return r.wrong("the answer is no JSON: see what the address gives")
	}
	list, ok := at(answer, r.rows.rows)
	page, isList := list.([]any)
	if !ok || !isList && list != nil {
		return r.wrong("there is no list of rows at %s: %s", place(r.rows.rows), kindOfJSON(list, answer))
	}
	r.page, r.next = page, 0
	return r.follow(answer, response)
}

// follow finds out where the next page is.
func (r *httpReader) follow(answer any, response *fetch.Response) error {
	r.more = false
	rows := r.rows
	switch {
	case rows.page != "":
		r.more = len(r.page) > 0
		return r.set(rows.page, rows.first+int64(r.pages))
	case rows.cursor != "":
		cursor, _ := at(answer, rows.cursor)
		text, ok := plain(cursor)
		if done, isBool := cursor.(bool); cursor == nil || isBool && !done || ok && text == "" {
			return nil
		}
		if !ok {
			return r.wrong("%s is %s, not a mark of the next page", place(rows.cursor), kind(cursor))
		}
		r.more = true
		return r.set(rows.to, cursor)
	case rows.link != "":
		link := linkHeader(response.Header["Link"])
		if rows.link != "Link" {
			found, _ := at(answer, rows.link)
			link, _ = found.(string)
		}
		if link == "" {
			return nil
		}
		return r.lead(link)
	}
	return nil
}

// lead goes on at an address that the answer names, which may be relative.
func (r *httpReader) lead(link string) error {
	base, err := url.Parse(r.address)
	if err != nil {
		return r.wrong("its own address cannot be read")
	}
	target, err := base.Parse(link)
	if err != nil {
		return r.wrong("the address of the next page cannot be read")
	}
	if target.Host != base.Host || target.Scheme != base.Scheme {
		return r.wrong("the next page is on another host, %s://%s: what is sent to the one is not meant for the other", target.Scheme, target.Host)
	}
	if target.String() == r.address {
		return r.wrong("the next page is the same one again")
	}
	r.address, r.more = target.String(), true
	return nil
}

// set puts a parameter into the request: into the query of a GET, into the body of a POST.
func (r *httpReader) set(name string, value any) error {
	if r.rows.request.Method == "GET" {
		text, _ := plain(value)
		address, err := withQuery(r.address, name, text)
		r.address = address
		return err
	}
	object, ok := r.body.(map[string]any)
	if !ok && r.body != nil {
		return errors.New("body must be an object, into which the page can be written")
	}
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	object[name] = value
	r.body = object
	return nil
}

// ask asks for a page until it is answered, with growing pauses: reading it again changes nothing.
func (r *httpReader) ask() (*fetch.Response, error) {
	call := r.rows.request
	call.URL = r.address
	if call.Method == "POST" {
		body, err := youmi.Encode(r.body)
		if err != nil {
			return nil, err
		}
		call.Body = body
		call.Header = maps.Clone(call.Header)
		if call.Header == nil {
			call.Header = map[string]string{}
		}
		call.Header["Content-Type"] = "application/json"
	}
	request := engine.Request{Operation: "audience.http", Effect: workflows.EffectRead}
	var notBefore time.Time
	for attempt := 1; ; attempt++ {
		if err := r.pacer.Await(r.ctx, request, notBefore); err != nil {
			return nil, err
		}
		response, failure := r.once(call)
		if response != nil {
			return response, nil
		}
		if failure.RetryAfter > 0 {
			if err := r.pacer.Hold(r.ctx, request, failure.RetryAfter); err != nil {
				return nil, err
			}
		}
		if !failure.Retryable || attempt == pageAttempts || r.ctx.Err() != nil {
			return nil, r.wrong("%s (%s, attempt %d)", failure.Message, failure.Code, attempt)
		}
		notBefore = r.rows.config.Now().Add(max(failure.RetryAfter, min(firstBackoff<<(attempt-1), mostBackoff)))
	}
}

// once makes one attempt; without a response it says why.
func (r *httpReader) once(call fetch.Request) (*fetch.Response, engine.Outcome) {
	response, err := r.rows.config.HTTP.Do(r.ctx, call)
	if err != nil {
		return nil, httpFailure(err, workflows.EffectRead)
	}
	outcome := httpOutcome(response, workflows.EffectRead)
	if outcome.State != engine.Succeeded {
		return nil, outcome
	}
	return response, outcome
}

func (r *httpReader) wrong(format string, arguments ...any) error {
	where := "the address"
	if address, err := url.Parse(r.address); err == nil {
		where = address.Scheme + "://" + address.Host + address.EscapedPath()
	}
	return fmt.Errorf("page %d of %s: %s", r.pages, where, fmt.Sprintf(format, arguments...))
}

// at finds what stands at a path such as data.items or data.0.next; the empty path is the whole.
func at(value any, path string) (any, bool) {
	if path == "" {
		return value, true
	}
	for part := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			found, ok := inner[part]
			if !ok {
				return nil, false
			}
			value = found
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(inner) {
				return nil, false
			}
			value = inner[i]
		default:
			return nil, false
		}
	}
	return value, true
}

func place(path string) string {
	if path == "" {
		return "its top"
	}
	return strconv.Quote(path)
}

// kindOfJSON says what was found without quoting it.
func kindOfJSON(found, answer any) string {
	if found == nil {
		return strings.Replace(kindOfAnswer(answer), "`values`", "the answer", 1)
	}
	return "it holds " + kind(found)
}

func lastName(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// linkHeader finds the address with rel="next" in a header such as <https://e.com/?page=2>; rel="next", <…>; rel="last"
// (RFC 8288).
func linkHeader(header string) string {
	for header != "" {
		_, rest, ok := strings.Cut(header, "<")
		if !ok {
			return ""
		}
		address, rest, ok := strings.Cut(rest, ">")
		if !ok {
			return ""
		}
		parameters, after, _ := strings.Cut(rest, ",")
		for parameter := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if strings.EqualFold(name, "rel") && strings.Contains(" "+strings.ToLower(strings.Trim(value, `"`))+" ", " next ") {
				return address
			}
		}
		header = after
	}
	return ""
}
