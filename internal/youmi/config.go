package youmi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Defaults of Config.
const (
	// DefaultTokenURL is the one absolute address of version 2 (api-84380512).
	DefaultTokenURL = "https://sso.yunshouzhi.net/connect/token"
	// DefaultTimeout bounds one call, from taking a connection to the last byte of the answer.
	DefaultTimeout = 30 * time.Second
	// DefaultConcurrency is how many connections are kept open between calls.
	DefaultConcurrency = 256
	// DefaultUserAgent is sent when none is given.
	DefaultUserAgent = "youmiflow/dev"
)

// ErrNoBaseURL says that the host of the API is not configured.
var ErrNoBaseURL = errors.New("no base_url: the vendor publishes no host for version 2, so set connections.NAME.base_url in youmiflow.yaml to the one you were given")

// Config is what a Client is made of. Only BaseURL, ClientID and ClientSecret are required.
type Config struct {
	// BaseURL is the host of version 2, such as https://api.example.com; a path in it is put before that of a call.
	BaseURL string
	// TokenURL is the whole address of the token endpoint. Default: DefaultTokenURL.
	TokenURL string
	// ClientID and ClientSecret come from the billing-cloud back office (计费云后台).
	ClientID     string
	ClientSecret string
	// TenantID is sent as the header TenantId; resellers only. Default: none.
	TenantID string
	// V1 is what signed calls need. Default: none are made.
	V1 V1Config
	// Operations overrides, by operation ID, what the vendor's documents leave open. Default: openapi.yaml as it is.
	Operations map[string]Override
	// Transport carries the calls; it is used without following redirects, which could send a message twice. Default:
	// one of the client's own: HTTP/1.1, proxies from the environment, connections kept for 10 s. With another, fewer
	// failed calls can be proven not to have left; it must not send a request again on its own, must leave the headers
	// alone, and an http.Transport must not have a ResponseHeaderTimeout.
	Transport http.RoundTripper
	// Concurrency is how many calls are made at once; as many connections are kept. Default: DefaultConcurrency.
	Concurrency int
	// Timeout bounds one call. Default: DefaultTimeout.
	Timeout time.Duration
	// UserAgent is youmiflow/VERSION. Default: DefaultUserAgent.
	UserAgent string
	// Now is the time by which tokens are renewed and calls signed. Default: time.Now.
	Now func() time.Time
	// WithTimeout ends the context of a call after Timeout. Default: context.WithTimeout.
	WithTimeout func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// V1Config is what calls of version 1 are signed with: all of it, or nothing.
type V1Config struct {
	// BaseURL is what the paths of version 1 stand below, such as http://HOST:5001/publicapi/v1 (doc-3385697).
	BaseURL string
	// AppID is the monitor id (监控ID), AppKey the key of 后台 → 后勤 → CRM对接.
	AppID  string
	AppKey string
}

// String leaves the key out.
func (c V1Config) String() string { return fmt.Sprintf("youmi.V1Config{BaseURL: %q}", c.BaseURL) }

// GoString leaves the key out.
func (c V1Config) GoString() string { return c.String() }

// Override changes one operation. Empty fields leave it as it is.
type Override struct {
	Method string
	Path   string
	// Fields renames top-level fields of the request: ours, as in openapi.yaml, to theirs.
	Fields map[string]string
	// Confirmed says that somebody has seen the operation work, so that it is not warned about any more.
	Confirmed bool
}

// WithDefaults fills what is not set.
func (c Config) WithDefaults() Config {
	if c.TokenURL == "" {
		c.TokenURL = DefaultTokenURL
	}
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.UserAgent == "" {
		c.UserAgent = DefaultUserAgent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.WithTimeout == nil {
		c.WithTimeout = context.WithTimeout
	}
	if c.Transport == nil {
		c.Transport = newDirect(newTransport(c.Concurrency), c.Concurrency)
	}
	return c
}

// bound bounds one call in time.
func (c Config) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return c.WithTimeout(ctx, c.Timeout)
}

// validate names the first setting that cannot work.
func (c Config) validate() error {
	if c.BaseURL == "" {
		return ErrNoBaseURL
	}
	for _, setting := range []struct{ name, value string }{{"base_url", c.BaseURL}, {"token_url", c.TokenURL}} {
		if err := validateURL(setting.name, setting.value); err != nil {
			return err
		}
	}
	if c.ClientID == "" || c.ClientSecret == "" {
		return errors.New("no client_id or client_secret: set both under connections.NAME in youmiflow.yaml, or in the environment variables they name")
	}
	return c.V1.validate()
}

func (c V1Config) validate() error {
	if c == (V1Config{}) {
		return nil
	}
	if c.BaseURL == "" || c.AppID == "" || c.AppKey == "" {
		return errors.New("v1 is configured in part: base_url, appid and appkey of connections.NAME.v1 go together")
	}
	return validateURL("v1.base_url", c.BaseURL)
}

func validateURL(name, value string) error {
	parsed, err := url.Parse(value)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not an address: write it like https://api.example.com", name)
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "":
		return fmt.Errorf("%s %q is not an http or https address: write it like https://api.example.com", name, parsed.Redacted())
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return fmt.Errorf("%s may hold a host and a path only", name)
	}
	return nil
}

// String leaves the secret out.
func (c Config) String() string {
	return fmt.Sprintf("youmi.Config{BaseURL: %q, ClientID: %q}", c.BaseURL, c.ClientID)
}

// GoString leaves the secret out.
func (c Config) GoString() string { return c.String() }
