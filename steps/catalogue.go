package steps

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/fetch"
	"youmiflow/internal/notify"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// API makes calls; *youmi.Client does.
type API interface {
	// Call calls an operation of openapi.yaml with a body that is sent as it is. See youmi.Client.Call for the errors.
	Call(ctx context.Context, operation string, body any) (*youmi.Response, error)
	// Raw calls a path that openapi.yaml need not know. See youmi.Client.Raw for the errors.
	Raw(ctx context.Context, request youmi.Request) (*youmi.Response, error)
}

// Config is what the steps reach the outside with. The zero Config makes a catalogue that can validate and prepare.
type Config struct {
	// API gives the client of a connection. Default: every call fails as not sent.
	API func(connection string) (API, error)
	// Resolve turns a path of a workflow into one that can be opened, or refuses it; given are the paths that came from
	// outside and may be anywhere. Default: the path as it is.
	Resolve func(path string, given []string) (string, error)
	// ResolveAt is Resolve among the files of a git commit, for a run that was started from it. Default: Resolve.
	ResolveAt func(commit, path string, given []string) (string, error)
	// ResolveNew turns a path of a workflow into one that may be written: it stays within the project folder. Default: the
	// path as it is.
	ResolveNew func(path string) (string, error)
	// HTTP makes requests to the hosts that the project allows. Default: none is allowed.
	HTTP HTTP
	// Database is the address of a database that the project names; it may hold a password. Default: there is none.
	Database func(name string) (string, error)
	// Outcomes reads what the ledger holds of the items of a run's step, by sequence. Default: nothing.
	Outcomes func(ctx context.Context, run, step string) iter.Seq2[ItemOutcome, error]
	// Notify tells the people of a channel. Default: there is no channel.
	Notify func(ctx context.Context, channel string, message notify.Message) error
	// Channels are the names of the project's channels; nil when nobody can say which there are.
	Channels []string
	// ChannelsNow is Channels when a step is worked on: a daemon can get others. Default: Channels.
	ChannelsNow func() []string
	// Rehearsal keeps http.request from changing anything: in the sandbox, and wherever nothing is to be done for real.
	Rehearsal bool
	// Discarded says that whatever is written is thrown away: there is no file of a real run that it could replace.
	Discarded bool
	// Now is the time from which a repetition of a read is put off. Default: time.Now.
	Now func() time.Time
	// Secrets are the names of the project's secrets; nil when nobody can say which there are.
	Secrets []string
	// Logger takes what `log` says. Default: nowhere.
	Logger *slog.Logger
	// Location is the time zone of dates and times that a workflow writes without an offset. Default: +08:00, the only
	// offset that the vendor's examples show.
	Location *time.Location
	// Operations are the API's operations, with the project's overrides applied. Default: those of openapi.yaml.
	Operations []youmi.Operation
}

// WithDefaults fills what is not set. The error is openapi.yaml's.
func (c Config) WithDefaults() (Config, error) {
	if c.API == nil {
		c.API = func(string) (API, error) { return nil, errors.New("no connection is set up") }
	}
	if c.Resolve == nil {
		c.Resolve = func(path string, _ []string) (string, error) { return path, nil }
	}
	if c.ResolveAt == nil {
		c.ResolveAt = func(_, path string, given []string) (string, error) { return c.Resolve(path, given) }
	}
	if c.ResolveNew == nil {
		c.ResolveNew = func(path string) (string, error) { return path, nil }
	}
	if c.HTTP == nil {
		c.HTTP = fetch.New(fetch.Config{})
	}
	if c.Database == nil {
		c.Database = func(name string) (string, error) { return "", fmt.Errorf("there is no database %q", name) }
	}
	if c.Notify == nil {
		c.Notify = func(_ context.Context, channel string, _ notify.Message) error {
			return fmt.Errorf("there is no channel %q under notify.channels in youmiflow.yaml", channel)
		}
	}
	if c.ChannelsNow == nil {
		c.ChannelsNow = func() []string { return c.Channels }
	}
	if c.Outcomes == nil {
		c.Outcomes = func(context.Context, string, string) iter.Seq2[ItemOutcome, error] {
			return func(func(ItemOutcome, error) bool) {}
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Location == nil {
		c.Location = time.FixedZone("+08:00", 8*60*60)
	}
	if c.Operations == nil {
		operations, err := youmi.Operations()
		if err != nil {
			return c, err
		}
		c.Operations = operations
	}
	return c, nil
}

// Catalogue is all steps. It is safe for concurrent use.
type Catalogue struct {
	entries map[string]*entry
	names   []string
	secrets []string
}

var (
	_ workflows.Catalogue   = (*Catalogue)(nil)
	_ workflows.SecretNames = (*Catalogue)(nil)
	_ engine.Steps          = (*Catalogue)(nil)
)

// Secrets implements workflows.SecretNames.
func (c *Catalogue) Secrets() (names []string, known bool) { return c.secrets, c.secrets != nil }

// WithSecrets is the same catalogue for a project with these secrets; nil when nobody can say which there are.
func (c *Catalogue) WithSecrets(names []string) *Catalogue {
	return &Catalogue{entries: c.entries, names: c.names, secrets: names}
}

// New makes the catalogue.
func New(config Config) (*Catalogue, error) {
	config, err := config.WithDefaults()
	if err != nil {
		return nil, err
	}
	catalogue := &Catalogue{entries: map[string]*entry{}, secrets: config.Secrets}
	for _, entry := range all(config) {
		if err := entry.locate(config.Operations); err != nil {
			return nil, err
		}
		catalogue.entries[entry.Name] = entry
		catalogue.names = append(catalogue.names, entry.Name)
	}
	slices.Sort(catalogue.names)
	return catalogue, nil
}

// all is the list of steps, family by family.
func all(config Config) []*entry {
	entries := []*entry{
		takeoverApply(config),
		takeoverEnd(config),
		messageSend(config),
		messageBatch(config),
		messageForward(config),
		apiCall(config),
		audienceFile(config),
		audienceFriends(config),
		audienceQuery(config),
		audienceHTTP(config),
		httpRequest(config),
		reportWrite(config),
		notifySend(config),
		assert(),
		log(config),
	}
	for _, operation := range []operation{
		activate(config), remind(config), chatRead(config),
		reportActivations(config),
		systemDepartments(config), systemGroups(config), systemGroupStaff(config), systemStaff(config),
		friendCount(config),
		todoAdd(config), todoAddPlain(config), todoCount(config),
		adCount(config),
		bulkSendSave(config), bulkSendDelete(config),
		callbackRegister(config), eventSubscribe(config),
		v1AddFriend(config),
	} {
		entries = append(entries, operation.entry(config))
	}
	for _, listing := range []listing{
		reportStaffService(config), friendList(config), todoList(config), adList(config), meetingCallList(config),
		v1Accounts(config), v1Friends(config),
	} {
		entries = append(entries, listing.entry(config))
	}
	return entries
}

// Lookup finds a step's description.
func (c *Catalogue) Lookup(name string) (*workflows.StepType, bool) {
	entry, ok := c.entries[name]
	if !ok {
		return nil, false
	}
	return &entry.StepType, true
}

// Names lists all steps, sorted.
func (c *Catalogue) Names() []string { return slices.Clone(c.names) }

// Step finds a step as the engine performs it.
func (c *Catalogue) Step(name string) (engine.Step, bool) {
	entry, ok := c.entries[name]
	return entry, ok
}

// entry is one step.
type entry struct {
	workflows.StepType
	operation string // as openapi.yaml names it; "" when no call is made
	prepare   func(engine.Input) (engine.Action, error)
}

// Prepare implements engine.Step.
func (e *entry) Prepare(input engine.Input) (engine.Action, error) { return e.prepare(input) }

// locate looks the entry's operation up.
func (e *entry) locate(operations []youmi.Operation) error {
	if e.operation == "" {
		return nil
	}
	i := slices.IndexFunc(operations, func(o youmi.Operation) bool { return o.ID == e.operation })
	if i < 0 {
		return fmt.Errorf("step %s: there is no operation %s", e.Name, e.operation)
	}
	o := operations[i]
	e.StepType.Operation = &workflows.Operation{ID: o.ID, Method: o.Method, Path: o.Path, Status: o.Status}
	return nil
}
