package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/dispatch"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// session is a ledger that is open for work, with the engine over it. The engine works only while this process owns
// the ledger; until then, what it is asked for is left to the owner.
type session struct {
	app        *app
	project    *project
	database   string
	sandboxed  bool
	clients    *clients
	ledger     *ledger.Ledger
	engine     *engine.Engine
	dispatcher *dispatch.Dispatcher
	ownership  *ledger.Ownership
	closers    []func() error // run in reverse
	watching   sync.WaitGroup
	stopWatch  context.CancelFunc
}

// clients makes one API client per connection, when it is first needed.
type clients struct {
	project *project
	version string
	sandbox string // URL of the sandbox; "" for the real connections

	mu   sync.Mutex
	made map[string]*youmi.Client
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
		return nil, err
	}
	c.made[name] = client
	return client, nil
}

func (c *clients) config(name string) (youmi.Config, error) {
	config := youmi.Config{UserAgent: "youmiflow/" + c.version}
	if c.sandbox != "" {
		config.BaseURL, config.TokenURL = c.sandbox, c.sandbox+"/connect/token"
		config.ClientID, config.ClientSecret = "sandbox", "sandbox"
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
	config.Operations = map[string]youmi.Override{}
	for id, override := range resolved.Operations {
		config.Operations[id] = youmi.Override{Method: override.Method, Path: override.Path, Confirmed: override.Confirmed}
	}
	return config, nil
}

// api is the same as the steps ask for it.
func (c *clients) api(name string) (steps.API, error) { return c.get(name) }

// openSession opens the project's ledger and puts an engine over it.
func (a *app) openSession(ctx context.Context, project *project, sandboxed bool, options sandboxFlags) (_ *session, err error) {
	s := &session{app: a, project: project, sandboxed: sandboxed,
		clients: &clients{project: project, version: a.Version, made: map[string]*youmi.Client{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.database, err = project.database(); err != nil {
		return nil, err
	}
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: s.database, Logger: a.logger()}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.ledger.Close)
	if s.ownership, _, err = ledger.Lock(s.database); err != nil {
		return nil, err
	}
	if sandboxed {
		if err := s.startSandbox(ctx, options); err != nil {
			return nil, err
		}
	}
	return s, s.wire()
}

// startSandbox serves the simulator inside the process. Its world is kept beside the ledger.
func (s *session) startSandbox(ctx context.Context, options sandboxFlags) error {
	config, err := options.config()
	if err != nil {
		return err
	}
	if s.ownership != nil {
		config.Journal = s.project.sandboxJournal()
	}
	box, err := sandbox.New(config)
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	url, stop, err := sandbox.Start(context.WithoutCancel(ctx), box)
	if err != nil {
		return errors.Join(err, box.Close())
	}
	s.clients.sandbox = url
	s.closers = append(s.closers, func() error { stop(); return box.Close() })
	return nil
}

func (s *session) wire() error {
	catalogue, err := steps.New(steps.Config{API: s.clients.api, Resolve: s.project.resolve, Logger: s.app.logger()})
	if err != nil {
		return err
	}
	s.engine = engine.New(engine.Config{
		Ledger:    s.ledger,
		Limiter:   limit.New(limit.Config{Store: s.ledger, Shared: s.project.config.Limits, Location: s.project.config.Timezone}),
		Steps:     catalogue,
		Catalogue: catalogue,
		Limits:    s.project.config.Limits,
		Logger:    s.app.logger(),
	})
	s.dispatcher, err = dispatch.New(dispatch.Config{DB: s.ledger.DB(), Work: s.engine.Work, Logger: s.app.logger()})
	if err != nil {
		return err
	}
	s.ledger.SetWake(s.dispatcher.Wake)
	return nil
}

// preflight finds out, before anything is done, whether the connection can be used at all.
func (s *session) preflight(ctx context.Context, connection string) error {
	client, err := s.clients.get(connection)
	if err != nil {
		return err
	}
	if s.sandboxed {
		return nil
	}
	if err := client.Authenticate(ctx); err != nil {
		return invalid("%v", err)
	}
	config, err := s.clients.config(connection)
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

// own tries to become the process that works on the ledger, and when it does, starts the engine. decide says what
// becomes of the runs that an earlier process left.
func (s *session) own(ctx context.Context, decide func(engine.Run) engine.Recovery) (bool, error) {
	if s.stopWatch != nil {
		return true, nil
	}
	if s.ownership == nil {
		ownership, held, err := ledger.Lock(s.database)
		if err != nil || !held {
			return false, err
		}
		s.ownership = ownership
	}
	if err := s.dispatcher.Reset(ctx); err != nil {
		return false, err
	}
	if err := s.engine.Recover(ctx, decide); err != nil {
		return false, err
	}
	if err := s.dispatcher.Start(ctx); err != nil {
		return false, err
	}
	watch, stop := context.WithCancel(ctx)
	s.stopWatch = stop
	s.watching.Add(1)
	go func() {
		defer s.watching.Done()
		if err := s.engine.Watch(watch); err != nil {
			s.app.logger().Error("watching for requests", "error", err)
		}
	}()
	return true, nil
}

// recovery decides about the runs that an earlier process left: those that a living process waits for go on, the
// others are settled and wait for somebody to resume them.
func (s *session) recovery(mine string) func(engine.Run) engine.Recovery {
	return func(run engine.Run) engine.Recovery {
		switch {
		case run.Sandbox != s.sandboxed:
			return engine.Leave
		case run.ID == mine, s.ledger.Attended(run.ID):
			return engine.Drive
		}
		return engine.Suspend
	}
}

// close stops the engine in order and lets the ledger go.
func (s *session) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var problems []error
	if s.stopWatch != nil {
		s.stopWatch()
		s.watching.Wait()
		problems = append(problems, s.dispatcher.Stop(ctx))
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		problems = append(problems, s.closers[i]())
	}
	for _, client := range s.clients.made {
		client.CloseIdle()
	}
	if s.ownership != nil {
		problems = append(problems, s.ownership.Release())
	}
	return errors.Join(problems...)
}

// openReadOnly opens the project's ledger for reading; nil when there is none yet.
func (a *app) openReadOnly(ctx context.Context, project *project) (*ledger.Ledger, error) {
	database, err := project.database()
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenReadOnly(ctx, database)
	if errors.Is(err, ledger.ErrAbsent) {
		return nil, nil
	}
	return l, err
}

// connectionWarnings are about the operations of a workflow that rest on a guess.
func connectionWarnings(workflow *workflows.Workflow, config *workflows.Project) []string {
	var warnings []string
	confirmed := map[string]bool{}
	if connection := config.Connections[workflow.Connection]; connection != nil {
		for id, override := range connection.Operations {
			confirmed[id] = override.Confirmed
		}
	}
	seen := map[string]bool{}
	eachStep(workflow, func(step *workflows.Step) {
		if step.Uses == nil || step.Uses.Type.Operation == nil || step.Uses.Type.Operation.Status != "assumed" || seen[step.Uses.Name] {
			return
		}
		seen[step.Uses.Name] = true
		path := step.Uses.Type.Operation.Path
		if id := path[len(path)-len(lastSegment(path)):]; confirmed[id] {
			return
		}
		warnings = append(warnings, fmt.Sprintf(
			"%s uses %s, which the vendor's documents do not show: try it on a real account, then set operations.%s.confirmed in youmiflow.yaml",
			step.Uses.Name, path, lastSegment(path)))
	})
	return warnings
}

func lastSegment(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// eachStep visits every step of a workflow.
func eachStep(workflow *workflows.Workflow, visit func(*workflows.Step)) {
	var walk func([]*workflows.Step)
	walk = func(list []*workflows.Step) {
		for _, step := range list {
			visit(step)
			walk(step.Steps)
			walk(step.Finally)
		}
	}
	walk(workflow.Steps)
	walk(workflow.Finally)
}
