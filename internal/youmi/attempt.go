package youmi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
)

// attempt is one request on its way. After a failure it can prove that the platform cannot have seen the request: no
// connection was had, or not a byte was written on it.
type attempt struct {
	trace   httptrace.ClientTrace
	payload bytes.Reader

	sought    bool // a real transport asked for a connection, so that the rest means something
	connected int  // connections had
	reused    bool
	conn      *countingConn
	before    int64 // bytes written on conn before this attempt
}

// newAttempt returns the attempt and the context to make its request with.
func newAttempt(ctx context.Context, payload []byte) (*attempt, context.Context) {
	a := &attempt{}
	a.payload.Reset(payload)
	a.trace.GetConn = func(string) { a.sought = true }
	a.trace.GotConn = a.gotConn
	return a, httptrace.WithClientTrace(ctx, &a.trace)
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.connected++
	a.reused = info.Reused
	if a.conn = counting(info.Conn); a.conn != nil {
		a.before = a.conn.written.Load()
	}
}

// notSent proves, after RoundTrip has failed, that no byte of the request left. False proves nothing. The count is
// final by then: once it has a connection, http.Transport's RoundTrip returns an error only after the connection's writer
// has ended (persistConn.mapRoundTripError), whether the connection broke or the context did.
func (a *attempt) notSent() bool {
	switch a.connected {
	case 0:
		return a.sought
	case 1:
		return a.conn != nil && a.conn.written.Load() == a.before
	}
	return false // something underneath has tried again
}

// request makes the request of an attempt from its parts, without parsing the address again. GetBody stays nil, so that
// net/http can never send it again on its own. The body is a plain reader: that leaves in one write with the headers.
func (a *attempt) request(ctx context.Context, to *endpoint, header http.Header) *http.Request {
	request := &http.Request{
		Method: to.operation.Method,
		URL:    to.url,
		Host:   to.url.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header,
	}
	switch {
	case a.payload.Len() > 0:
		request.Body, request.ContentLength = io.NopCloser(&a.payload), int64(a.payload.Len())
	case to.operation.Effect == "message":
		// net/http repeats a GET on a broken connection, unless it has a body that cannot be rewound: here an empty one.
		request.Body = io.NopCloser(&a.payload)
	}
	return request.WithContext(ctx)
}
