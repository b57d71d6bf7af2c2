package web

import "net/http"

// problemPrefix begins the type of every problem.
const problemPrefix = "urn:youmiflow:problem:"

// code names a kind of problem, for programs. docs/api.md says of each what to do.
type code string

// The codes, which stay what they are.
const (
	codeQuery       code = "query"
	codeBody        code = "body"
	codeHeader      code = "header"
	codeToken       code = "token"
	codeOff         code = "off"
	codeRole        code = "role"
	codeCrossOrigin code = "cross-origin"
	codeNotFound    code = "not-found"
	codeMethod      code = "method"
	codeState       code = "state"
	codeConflict    code = "conflict"
	codeTooLarge    code = "too-large"
	codeMediaType   code = "media-type"
	codeParams      code = "params"
	codeAudience    code = "audience"
	codeBackfill    code = "backfill"
	codeInvalid     code = "invalid"
	codeSignIn      code = "sign-in"
	codeInternal    code = "internal"
	codePlatform    code = "platform"
	codeUnavailable code = "unavailable"
)

// codes are all of them, by their status.
func codes() []code {
	return []code{codeQuery, codeBody, codeHeader, codeToken, codeOff, codeRole, codeCrossOrigin, codeNotFound, codeMethod, codeState,
		codeConflict, codeTooLarge, codeMediaType, codeParams, codeAudience, codeBackfill, codeInvalid, codeSignIn, codeInternal, codePlatform,
		codeUnavailable}
}

// status is the one that a code is answered with.
func (c code) status() int {
	switch c {
	case codeQuery, codeBody, codeHeader:
		return http.StatusBadRequest
	case codeToken:
		return http.StatusUnauthorized
	case codeOff, codeRole, codeCrossOrigin:
		return http.StatusForbidden
	case codeNotFound:
		return http.StatusNotFound
	case codeMethod:
		return http.StatusMethodNotAllowed
	case codeState, codeConflict:
		return http.StatusConflict
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeMediaType:
		return http.StatusUnsupportedMediaType
	case codeParams, codeAudience, codeBackfill, codeInvalid:
		return http.StatusUnprocessableEntity
	case codeSignIn:
		return http.StatusTooManyRequests
	case codePlatform:
		return http.StatusBadGateway
	case codeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// anyways are the codes that an operation is answered with whatever it does.
func (o route) anyways() []code {
	all := []code{codeQuery, codeToken, codeOff, codeRole, codeSignIn, codeInternal, codeUnavailable}
	if o.method != http.MethodGet {
		all = append(all, codeCrossOrigin)
	}
	if o.body != nil {
		all = append(all, codeBody, codeTooLarge, codeMediaType)
	}
	return all
}
