package youmi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// attempt is one request on its way. It can prove, after a failure, that the platform cannot have seen a whole request:
// no connection was had, or the body was never handed out, or no byte was written on the connection.
type attempt struct {
	trace     httptrace.ClientTrace
	payload   []byte
	offset    int
	state     atomic.Int32 // one of the body states
	connected bool
	reused    bool
	conn      *countingConn
	before    int64 // bytes written on conn before this attempt
}

// The body states. The first change wins, so that a body that was sealed is never read and the reverse.
const (
	bodyWaiting int32 = iota
	bodyRead
	bodySealed
)

var errSealed = errors.New("the request was given up before its body was read")

// newAttempt returns the attempt and the context to make its request with.
func newAttempt(ctx context.Context, payload []byte) (*attempt, context.Context) {
	a := &attempt{payload: payload}
	a.trace.GotConn = a.gotConn
	return a, httptrace.WithClientTrace(ctx, &a.trace)
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.connected, a.reused = true, info.Reused
	if a.conn = counting(info.Conn); a.conn != nil {
		a.before = a.conn.written.Load()
	}
}

// Read hands out the body, once: nothing can send it again.
func (a *attempt) Read(p []byte) (int, error) {
	if !a.state.CompareAndSwap(bodyWaiting, bodyRead) && a.state.Load() == bodySealed {
		return 0, errSealed
	}
	if a.offset >= len(a.payload) {
		return 0, io.EOF
	}
	n := copy(p, a.payload[a.offset:])
	a.offset += n
	if a.offset == len(a.payload) {
		return n, io.EOF
	}
	return n, nil
}

// Close does nothing: the payload is the caller's.
func (a *attempt) Close() error { return nil }

// notSent proves, after RoundTrip has failed, that no whole request left. False proves nothing.
func (a *attempt) notSent(ctx context.Context) bool {
	if !a.connected {
		return true
	}
	if len(a.payload) > 0 && a.state.CompareAndSwap(bodyWaiting, bodySealed) {
		return true
	}
	// Without a cancelled context, RoundTrip fails only after its writer has ended, so the count is final.
	return ctx.Err() == nil && a.conn != nil && a.conn.written.Load() == a.before
}

// request makes the request of an attempt from its parts, without parsing the address again.
func (a *attempt) request(ctx context.Context, to *endpoint, header http.Header) *http.Request {
	request := &http.Request{
		Method: to.operation.Method,
		URL:    to.url,
		Host:   to.url.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header,
	}
	if len(a.payload) > 0 {
		request.Body, request.ContentLength = a, int64(len(a.payload))
	}
	return request.WithContext(ctx)
}
