package cli

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"youmiflow/internal/youmi"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// clients makes one API client per connection, when it is first needed.
type clients struct {
	project   *project
	version   string
	sandboxed bool // every connection is the sandbox

	mu      sync.Mutex
	sandbox string // URL of the sandbox, once it is there
	made    map[string]*youmi.Client
}

func newClients(project *project, version string, sandboxed bool) *clients {
	return &clients{project: project, version: version, sandboxed: sandboxed, made: map[string]*youmi.Client{}}
}

// simulate has every connection be the sandbox at the URL.
func (c *clients) simulate(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sandbox = url
}

func (c *clients) get(name string) (*youmi.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.made[name]; client != nil {
		return client, nil
	}
	config, err := c.config(name)
	if err != nil {
		return nil, err
	}
	client, err := youmi.New(config)
	if err != nil {
		return nil, &exit{code: exitInvalid, cause: err} // nothing but a setting can be wrong
	}
	c.made[name] = client
	return client, nil
}

func (c *clients) config(name string) (youmi.Config, error) {
	config := youmi.Config{UserAgent: "youmiflow/" + c.version}
	if c.sandboxed {
		if c.sandbox == "" {
			return config, errors.New("the sandbox is not there yet: only the process that owns the ledger has one")
		}
		config.BaseURL, config.TokenURL = c.sandbox, c.sandbox+"/connect/token"
		config.ClientID, config.ClientSecret = "sandbox", "sandbox"
		config.V1 = youmi.V1Config{BaseURL: c.sandbox + "/publicapi/v1", AppID: "sandbox", AppKey: "sandbox"}
		return config, nil
	}
	connection, err := c.project.config.Connection(name)
	if err != nil {
		return config, invalid("%w; --sandbox needs none", err)
	}
	resolved, err := connection.Resolve()
	if err != nil {
		return config, err
	}
	config.BaseURL, config.TokenURL, config.TenantID = resolved.BaseURL, resolved.TokenURL, resolved.TenantID
	config.ClientID, config.ClientSecret = resolved.ClientID, resolved.ClientSecret.Reveal()
	config.V1 = youmi.V1Config{BaseURL: resolved.V1.BaseURL, AppID: resolved.V1.AppID, AppKey: resolved.V1.AppKey.Reveal()}
	config.Operations = overrides(resolved.Operations)
	return config, nil
}

func overrides(given map[string]workflows.OperationOverride) map[string]youmi.Override {
	all := make(map[string]youmi.Override, len(given))
	for id, override := range given {
		all[id] = youmi.Override{Method: override.Method, Path: override.Path, Fields: override.Fields, Confirmed: override.Confirmed}
	}
	return all
}

// operations are the API's as a connection overrides them; the sandbox has them all as they are described.
func (c *clients) operations(name string) ([]youmi.Operation, error) {
	operations, err := youmi.Operations()
	connection := c.project.config.Connections[name]
	if err != nil || connection == nil || c.sandboxed {
		return operations, err
	}
	return youmi.Overridden(operations, overrides(connection.Operations))
}

// api is the same as the steps ask for it.
func (c *clients) api(name string) (steps.API, error) { return c.get(name) }

// preflight finds out, before anything is done, whether the connection can be used at all.
func (c *clients) preflight(ctx context.Context, connection string) error {
	if c.sandboxed {
		return nil
	}
	client, err := c.get(connection)
	if err != nil {
		return err
	}
	if err := client.Authenticate(ctx); err != nil {
		return &exit{code: exitInvalid, cause: err}
	}
	config, err := c.config(connection)
	if err != nil {
		return err
	}
	return reachable(ctx, config.BaseURL)
}

// reachable tries to connect to the API's host, and sends nothing.
func reachable(ctx context.Context, base string) error {
	address, err := url.Parse(base)
	if err != nil {
		return invalid("base_url %q: %v", base, err)
	}
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	if err != nil {
		return invalid("base_url %s cannot be reached: %v; check the address and the network", base, err)
	}
	return connection.Close()
}
