package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
)

// Error is a request without an answer that could be used.
type Error struct {
	Place string // scheme, host and path
	// Code is not-allowed, invalid-request, redirect, private-address, dns, refused, certificate, tls, timeout, cancelled,
	// too-long or broken.
	Code string
	// Left says that the request may have reached the server: it may have been acted upon.
	Left bool
	// Retryable says that trying again may help.
	Retryable bool
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Place, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// failure words what kept an answer from coming.
func failure(ctx context.Context, address *url.URL, left bool, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		own.Left = left
		return own
	}
	if whole, ok := errors.AsType[*url.Error](err); ok {
		err = whole.Err // it shows the query otherwise
	}
	e := &Error{Place: place(address), Left: left, Retryable: true, Err: err}
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		e.Code, e.Retryable, e.Err = "cancelled", false, ctx.Err()
	case errors.Is(err, errTooLong):
		e.Code, e.Retryable = "too-long", false
	case errors.As(err, new(*addressError)):
		private, _ := errors.AsType[*addressError](err)
		e.Code, e.Retryable, e.Err = "private-address", false, private
	case errors.As(err, new(*net.DNSError)):
		e.Code, e.Err = "dns", errors.New("the name of the host cannot be looked up")
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Err = "refused", errors.New("nobody listens there")
	case isCertificate(err):
		e.Code, e.Retryable = "certificate", false
	case errors.As(err, new(tls.RecordHeaderError)):
		e.Code, e.Retryable = "tls", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Err = "timeout", errors.New("there was no answer in time")
	default:
		e.Code = "broken"
	}
	return e
}

func isCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}
