// Package client calls the REST API of a daemon, for commands that are to work on a ledger of another machine. Its answers
// are those of package result. It may import engine, workflows and what is below them.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

const (
	// timeout bounds one request; watching a run has none.
	timeout = 60 * time.Second
	// maxAnswer bounds one answer, which is a page at the most.
	maxAnswer = 64 << 20
	// pageSize is how many rows are asked for at a time.
	pageSize = 500
)

// Config says which daemon is meant. URL is required.
type Config struct {
	URL   string // such as https://campaigns.example.com:8686
	Token workflows.Secret
	// UserAgent names the program. Default: none.
	UserAgent string
	// HTTP makes the requests. Default: one that follows no redirects, so that the token goes nowhere else.
	HTTP *http.Client
}

// Client calls one daemon.
type Client struct {
	config Config
	base   *url.URL
}

// New checks the address. It connects to nothing.
func New(config Config) (*Client, error) {
	base, err := url.Parse(config.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("%q is no address of a daemon: write one such as https://campaigns.example.com:8686", config.URL)
	}
	if config.HTTP == nil {
		config.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Client{config: config, base: base.JoinPath("api/v1")}, nil
}

// Error is what a daemon has answered that it could not do.
type Error struct {
	Status   int    `json:"status"`
	Code     string `json:"code"`
	Detail   string `json:"detail"`
	Problems diagnostic.List
}

// Error is one sentence.
func (e *Error) Error() string { return "the daemon says: " + e.Detail }

// UnreachableError says that there was no answer.
type UnreachableError struct {
	Host string
	Err  error
}

// Error says what to do.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the daemon at %s cannot be reached: %v; check --server, and that it runs", e.Host, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// request prepares one. Parts of the path are escaped.
func (c *Client) request(ctx context.Context, method string, query url.Values, body any, parts ...string) (*http.Request, error) {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	address := c.base.String() + "/" + strings.Join(escaped, "/")
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("writing the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if !c.config.Token.Empty() {
		r.Header.Set("Authorization", "Bearer "+c.config.Token.Reveal())
	}
	r.Header.Set("User-Agent", c.config.UserAgent)
	return r, nil
}

// send sends a request; the body is the caller's to close. Answers that are errors become an *Error.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	answer, err := c.config.HTTP.Do(r)
	if err != nil {
		if cause := r.Context().Err(); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
			return nil, cause
		}
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, &UnreachableError{Host: c.base.Host, Err: err}
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }() // it has been read as far as it is of use
	problem := &Error{Status: answer.StatusCode, Detail: answer.Status}
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && media == "application/problem+json" {
		if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(problem); err != nil {
			return nil, fmt.Errorf("reading what the daemon at %s answered: %w", c.base.Host, err)
		}
	}
	problem.Status = answer.StatusCode
	return nil, problem
}

// do sends a request and reads the answer into a value; nil: there is none.
func (c *Client) do(ctx context.Context, method string, query url.Values, body, into any, parts ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := c.request(ctx, method, query, body, parts...)
	if err != nil {
		return err
	}
	return c.exchange(r, into)
}

// exchange sends a request and reads the answer into a value; nil: there is none.
func (c *Client) exchange(r *http.Request, into any) (err error) {
	answer, err := c.send(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading what the daemon at %s answered: %w", c.base.Host, err)
	}
	return nil
}

// pages streams a list, at most so many of it; 0: all.
func pages[A any](ctx context.Context, c *Client, query url.Values, most int, parts ...string) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		left := most
		for {
			size := pageSize
			if most > 0 {
				size = min(size, left)
			}
			query.Set("limit", strconv.Itoa(size))
			var page struct {
				Items []A     `json:"items"`
				Next  *string `json:"next"`
			}
			if err := c.do(ctx, http.MethodGet, query, nil, &page, parts...); err != nil {
				var none A
				yield(none, err)
				return
			}
			for _, one := range page.Items {
				if !yield(one, nil) {
					return
				}
			}
			left -= len(page.Items)
			if page.Next == nil || most > 0 && left <= 0 {
				return
			}
			query.Set("cursor", *page.Next)
		}
	}
}
