package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Host is a host that may be reached.
type Host struct {
	Scheme string // https or http
	Name   string // in small letters
	Port   string // "" for the scheme's own
}

// Config says what may be reached. The zero Config allows nothing.
type Config struct {
	Hosts []Host
	// AllowPrivate lets names lead to addresses of the own machine and network too.
	AllowPrivate bool
	// UserAgent names the program. Default: youmiflow.
	UserAgent string
}

// Bounds of every request.
const (
	// DefaultTimeout is how long a request may take, its redirects and the reading of its body included.
	DefaultTimeout = 30 * time.Second
	// MostBody is the most bytes of a body that Request.MaxBody may ask for.
	MostBody     = 32 << 20
	mostRedirect = 5
	dialTimeout  = 10 * time.Second
	maxHead      = 256 << 10
)

// Client makes requests. It is safe for concurrent use.
type Client struct {
	config Config
	reads  *http.Client // keeps connections, follows redirects
	writes *http.Client // a connection each: nothing is ever sent again behind the caller's back
}

// New makes a client. It reaches nothing yet.
func New(config Config) *Client {
	if config.UserAgent == "" {
		config.UserAgent = "youmiflow"
	}
	c := &Client{config: config}
	c.reads = &http.Client{Transport: c.transport(true), CheckRedirect: c.redirect}
	c.writes = &http.Client{Transport: c.transport(false), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// transport speaks HTTP/1.1, over which nothing is repeated unasked, and goes through no proxy: the proxy would look the
// name up, and nobody could say where the request went.
func (c *Client) transport(keep bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: c.control}
	return &http.Transport{
		Protocols: protocols, DialContext: dialer.DialContext, DisableKeepAlives: !keep, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: 10 * time.Second, TLSHandshakeTimeout: dialTimeout, MaxResponseHeaderBytes: maxHead,
	}
}

// CloseIdle closes the connections that are kept and not in use.
func (c *Client) CloseIdle() { c.reads.CloseIdleConnections() }

// Request is one request.
type Request struct {
	Method string // GET unless given
	URL    string
	Header map[string]string
	Body   []byte // nil for none
	// Timeout bounds the whole request. Default DefaultTimeout.
	Timeout time.Duration
	// MaxBody is the most bytes of the answer's body. Default MostBody.
	MaxBody int64
}

// Response is an answer, whatever its status. Redirects of a GET or HEAD have been followed, those of others have not.
type Response struct {
	Status int
	Header map[string]string // by canonical name, several values joined by ", "
	Body   []byte
	// RetryAfter is how long the server asks to wait; 0 when it does not say.
	RetryAfter time.Duration
}

// Do makes a request, once. The error is an *Error.
func (c *Client) Do(ctx context.Context, request Request) (*Response, error) {
	if request.Method == "" {
		request.Method = http.MethodGet
	}
	if request.Timeout <= 0 {
		request.Timeout = DefaultTimeout
	}
	if request.MaxBody <= 0 || request.MaxBody > MostBody {
		request.MaxBody = MostBody
	}
	address, err := c.Allowed(request.URL)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, request.Timeout)
	defer cancel()
	left := new(atomic.Bool)
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { left.Store(true) }})
	call, err := c.prepare(traced, request)
	if err != nil {
		return nil, &Error{Place: place(address), Code: "invalid-request", Err: err}
	}
	client := c.writes
	if request.Method == http.MethodGet || request.Method == http.MethodHead {
		client = c.reads
	}
	answer, err := client.Do(call) //nolint:bodyclose // read closes it
	if err != nil {
		return nil, failure(ctx, address, left.Load(), err)
	}
	response, err := read(answer, request.MaxBody)
	if err != nil {
		return nil, failure(ctx, address, true, err)
	}
	return response, nil
}

func (c *Client) prepare(ctx context.Context, request Request) (*http.Request, error) {
	var body io.Reader
	if request.Body != nil {
		body = bytes.NewReader(request.Body)
	}
	call, err := http.NewRequestWithContext(ctx, request.Method, request.URL, body)
	if err != nil {
		return nil, errors.New("the method or the address cannot be used")
	}
	call.Header.Set("User-Agent", c.config.UserAgent)
	for name, value := range request.Header {
		if !validHeader(name, value) {
			return nil, fmt.Errorf("the header %q cannot be sent", name)
		}
		if http.CanonicalHeaderKey(name) == "Host" {
			return nil, errors.New("the header Host comes from the address")
		}
		call.Header.Set(name, value)
	}
	return call, nil
}

// validHeader reports whether a header can stand on one line.
func validHeader(name, value string) bool {
	if name == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

var errTooLong = errors.New("the answer is longer than it may be")

func read(answer *http.Response, most int64) (_ *Response, err error) {
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, errTooLong
	}
	response := &Response{Status: answer.StatusCode, Body: body, Header: make(map[string]string, len(answer.Header)), RetryAfter: retryAfter(answer.Header)}
	for name, values := range answer.Header {
		response.Header[name] = strings.Join(values, ", ")
	}
	return response, nil
}

// retryAfter reads the header of that name, which holds seconds or a date; an hour is the most that is heeded.
func retryAfter(header http.Header) time.Duration {
	const most = time.Hour
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, min(time.Duration(min(seconds, 3600))*time.Second, most))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	from := time.Now()
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		from = date
	}
	return max(0, min(at.Sub(from), most))
}

// redirect lets a read be led within the allowed hosts. What was meant for one host is not handed to another.
func (c *Client) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > mostRedirect {
		return &Error{Place: place(next.URL), Code: "redirect", Err: fmt.Errorf("there are more than %d redirects", mostRedirect)}
	}
	if _, err := c.Allowed(next.URL.String()); err != nil {
		return err
	}
	if first := before[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		next.Header = http.Header{"User-Agent": {c.config.UserAgent}}
	}
	return nil
}

// place is an address without what may be private in it.
func place(address *url.URL) string {
	return address.Scheme + "://" + address.Host + address.EscapedPath()
}
