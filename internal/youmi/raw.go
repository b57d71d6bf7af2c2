package youmi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Bounds of a Request, in bytes.
const (
	MaxRequestPath  = 1 << 10
	MaxRequestQuery = 8 << 10
	MaxRequestBody  = 1 << 20
)

// Request is a call of a path that openapi.yaml need not know.
type Request struct {
	Version string // V1 or V2; default V2
	Method  string // default POST with a body, else GET
	// Path is below the base URL of the version, such as "/v2/Friend/GetFansList" or, in version 1, "/friend". It is sent
	// as it is written.
	Path   string
	Query  url.Values
	Body   any    // as in Call; none with GET
	Effect string // read, idempotent or message; required: it decides whether net/http may repeat a GET
}

// Raw makes a call of any path of the connection: with the same token or signature, envelope and verdicts as Call. A request
// that cannot be made is an *APIError with the code invalid-request; nothing is sent then.
func (c *Client) Raw(ctx context.Context, request Request) (*Response, error) {
	request = request.withDefaults()
	name := request.Method + " " + clip(request.Path)
	refuse := func(code string, err error) error {
		return &APIError{Operation: name, Verdict: Failed, Code: code, Err: err}
	}
	if err := request.Validate(); err != nil {
		return nil, refuse("invalid-request", err)
	}
	via := c.v2
	if request.Version == V1 {
		via = c.v1
	}
	if via == nil {
		return nil, refuse("no-v1", nil)
	}
	payload, err := Encode(request.Body)
	if err == nil && len(payload) > MaxRequestBody {
		err = fmt.Errorf("the body has %d bytes; at most %d can be sent", len(payload), MaxRequestBody)
	}
	if err != nil {
		return nil, refuse("encoding", err)
	}
	address, err := url.Parse(strings.TrimSuffix(via.base, "/") + request.Path)
	if err != nil {
		return nil, refuse("invalid-request", errors.New("the path cannot be read"))
	}
	address.RawQuery = request.Query.Encode()
	operation := Operation{ID: name, Version: request.Version, Method: request.Method, Path: request.Path, Effect: request.Effect}
	return c.call(ctx, &endpoint{operation: operation, url: address, via: via}, payload)
}

func (r Request) withDefaults() Request {
	if r.Version == "" {
		r.Version = V2
	}
	if r.Method = strings.ToUpper(r.Method); r.Method == "" {
		if r.Method = http.MethodGet; r.Body != nil {
			r.Method = http.MethodPost
		}
	}
	return r
}

// Validate says what is wrong with a request before anything is sent; nil when nothing is.
func (r Request) Validate() error {
	r = r.withDefaults()
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	switch {
	case r.Version != V1 && r.Version != V2:
		return fmt.Errorf("version %q is not v1 or v2", clip(r.Version))
	case !slices.Contains(methods, r.Method):
		return fmt.Errorf("method %q is not GET, POST, PUT, PATCH or DELETE", clip(r.Method))
	case !slices.Contains([]string{"read", "idempotent", "message"}, r.Effect):
		return fmt.Errorf("effect %q is not read, idempotent or message: say what the call does outside", clip(r.Effect))
	case r.Method == http.MethodGet && r.Body != nil:
		return errors.New("a GET has no body: use the query")
	case len(r.Query.Encode()) > MaxRequestQuery:
		return fmt.Errorf("the query is longer than %d bytes", MaxRequestQuery)
	}
	return validatePath(r.Path)
}

// validatePath lets through what stays below the base URL, whatever a proxy or server on the way makes of it.
func validatePath(path string) error {
	lower := strings.ToLower(path)
	switch {
	case strings.Contains(path, "://"):
		return errors.New("the path must not be a whole address: the connection says where the platform is")
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("path %q must begin with a slash", clip(path))
	case len(path) > MaxRequestPath:
		return fmt.Errorf("the path is longer than %d bytes", MaxRequestPath)
	case strings.ContainsAny(path, "?#"):
		return fmt.Errorf("path %q holds ? or #: what belongs into the query has a place of its own", clip(path))
	case strings.Contains(path, "//"), strings.Contains(path, `\`), strings.Contains(lower, "%2f"), strings.Contains(lower, "%5c"):
		return fmt.Errorf("path %q holds an empty segment or a hidden slash", clip(path))
	case strings.Contains(lower, "%2e"), slices.ContainsFunc(strings.Split(path, "/"), dots):
		return fmt.Errorf("path %q holds a segment of dots, which leads elsewhere", clip(path))
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("path %q holds a space or a control character", clip(path))
	}
	if _, err := url.PathUnescape(path); err != nil {
		return fmt.Errorf("path %q holds a broken %% escape", clip(path))
	}
	return nil
}

// dots tells a segment that servers may resolve; some take "..;x" for "..".
func dots(segment string) bool {
	name, _, _ := strings.Cut(segment, ";")
	return name == "." || name == ".."
}
