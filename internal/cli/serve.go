package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"youmiflow/engine"
	"youmiflow/internal/folder"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web"
	"youmiflow/workflows"
)

// drainWithin is how long what is in flight may take once the daemon is to stop. With the rest of what a stop needs it
// stays below 30 s: requests over HTTP get 3 s, slices that do not end another 2 s, notifications 8 s. Of these 16 s, the last
// 4 s are for handing conversations back (partWithin).
const drainWithin = 16 * time.Second

func (a *app) serveCommand() *cobra.Command {
	var options sandboxFlags
	request := serveRequest{}
	var logs logFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "The daemon: works on the runs of a project until it is stopped",
		Long: `Works on everything that is to be done in a project: runs of schedules and events, and those that
other commands start while it is there. It answers over HTTP.

SIGTERM or Ctrl-C stops it in order within 30 s: nothing new is begun, what is in flight is
finished. What is left goes on when it is started again. A second signal leaves at once. SIGHUP has
youmiflow.yaml read again: limits, suppress, notify, retention and tokens are in force at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !request.sandboxed {
				if err := options.without(c, "add --sandbox, or leave it out"); err != nil {
					return err
				}
			}
			if err := errors.Join(request.git.check(c), logs.check()); err != nil {
				return err
			}
			request.options = options
			a.log = logs
			return forNow(a.serve(c.Context(), request))
		},
	}
	flags := c.Flags()
	flags.StringVar(&request.listen, "listen", "", "the address to listen on (default: server.listen of youmiflow.yaml, else "+workflows.DefaultListen+")")
	flags.BoolVar(&request.sandboxed, "sandbox", false, "work against the built-in simulator: nobody is messaged")
	flags.DurationVar(&request.wait, "wait", time.Minute, "how long to wait for another process to let go of the ledger")
	request.git.add(c)
	logs.add(c)
	options.add(c)
	return c
}

// forNow has what keeps a daemon from its work only for now be a failure, not something that is invalid: whoever supervises it
// starts it again then.
func forNow(err error) error {
	if ledger.Passing(err) || unreachable(err) && exitCode(err) == exitInvalid {
		return &exit{code: exitFailed, cause: err}
	}
	return err
}

// unreachable reports whether an error says that another machine cannot be reached.
func unreachable(err error) bool {
	timed, ok := errors.AsType[net.Error](err) // files have such errors too
	return ok && timed.Timeout() || errors.As(err, new(*net.OpError)) || errors.As(err, new(*net.DNSError))
}

type serveRequest struct {
	listen    string
	sandboxed bool
	wait      time.Duration
	git       gitFlags
	options   sandboxFlags
}

// daemon is the process that works on a project until it is stopped. Whatever it consists of is made in newDaemon.
type daemon struct {
	*session
	served    *served
	web       *web.Server
	folder    *folder.Folder
	scheduler *engine.Scheduler
	events    *engine.EventWork
	growth    *growth
	// hangups bring the wish that the configuration be read again; nil: there are none.
	hangups <-chan os.Signal
	// certificate is nil without TLS.
	certificate *certificate
	// current is the configuration as it was read last. What of it cannot change while the daemon works is in project.
	current atomic.Pointer[workflows.Project]
	// stale is why the configuration that was read last could not be put in force; nil: it is in force.
	stale atomic.Pointer[error]
	// stop is how the daemon ends.
	stop ending
}

// service is a part of the daemon that runs beside the others. Run returns soon once its context ends, and nil when that
// is why; an error of one ends them all, and the daemon.
type service struct {
	name string
	run  func(ctx context.Context) error
}

// services are the parts of the daemon, each started and waited for. THE PLACE TO HANG IN A SERVICE.
func (d *daemon) services() []service {
	return []service{
		{"http", d.web.Run},
		{"folder", d.folder.Run},
		{"scheduler", d.schedule},
		{"watchdog", d.watchdog},
		{"configuration", d.heedHangups},
		{"events", d.events.Run},
		{"old rows", d.growth.run},
		{"memory", d.giveBack},
		{"interrupted runs", d.goOn},
		{"ledger", d.untilDamaged},
	}
}

// newDaemon makes the parts of the daemon; none of them runs yet. Mounts on the web server belong here too.
func newDaemon(ctx context.Context, s *session, served *served, listener net.Listener) (*daemon, error) {
	d := &daemon{session: s, served: served}
	d.role = daemonRole
	d.current.Store(served.config)
	d.project.inForce = d.current.Load
	d.growth = newGrowth(s.ledger, func() workflows.Retention { return d.current.Load().Retention }, s.app.logger())
	if err := d.openFolder(ctx); err != nil {
		return nil, err
	}
	if err := d.heedBackup(ctx); err != nil {
		return nil, err
	}
	if err := d.openWeb(listener); err != nil { //nolint:contextcheck // each request has its own
		return nil, err
	}
	if err := d.openEvents(); err != nil {
		return nil, err
	}
	d.openMetrics()
	return d, nil
}

func (a *app) serve(ctx context.Context, request serveRequest) (err error) {
	served, err := a.openServed(ctx, request.git)
	if err != nil {
		return err
	}
	turn := a.awaitTurn(served.project, request.wait)
	defer turn.end()
	listener, certificate, err := turn.listen(ctx, request.listen, served.config.Server)
	if err != nil {
		return err
	}
	defer func() {
		if closing := listener.Close(); !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}()
	a.count()
	closeTraces, err := a.trace(ctx)
	if err != nil {
		return err
	}
	defer closeTraces()
	s, err := a.openSession(ctx, served.project, "", request.sandboxed, request.options)
	if err != nil {
		return err
	}
	var d *daemon
	defer func() {
		err = errors.Join(err, s.close(ctx))
		if d != nil {
			d.tellStopped()
		}
	}()
	d, err = newDaemon(ctx, s, served, listener)
	if err != nil {
		return err
	}
	d.certificate = certificate
	return d.run(ctx, listener.Addr().String(), turn)
}

// run owns the ledger and runs the services until somebody asks to stop, then drains.
func (d *daemon) run(ctx context.Context, address string, turn *turn) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		d.heed(ended, stop)
	}()
	defer func() { close(ended); <-heard }()
	if err := d.ownAfter(ctx, turn); err != nil {
		return err
	}
	if d.app.Hangups != nil { // before anybody is told that it serves
		hangups, deaf := d.app.Hangups()
		defer deaf()
		d.hangups = hangups
	}
	group, running := errgroup.WithContext(ctx)
	for _, part := range d.services() {
		group.Go(func() error {
			if err := part.run(running); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			return nil
		})
	}
	d.announce(address)
	if tokens, err := d.current.Load().Tokens(); err == nil && len(tokens) == 0 {
		d.app.say("the API is off: add a token under server.tokens in youmiflow.yaml")
	}
	if !d.sandboxed && len(d.project.config.Connections) == 0 {
		d.app.say("warning: there are no connections in youmiflow.yaml: a run that calls the platform fails (rehearsals: --sandbox)")
	}
	d.ready()
	err := group.Wait()
	d.stop.begin()
	d.stopping()
	if err != nil && errors.Is(context.Cause(ctx), errStopped) && errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, d.drain(context.WithoutCancel(ctx)))
	d.countLeft(context.WithoutCancel(ctx))
	return err
}

// announce says where the daemon serves what.
func (d *daemon) announce(address string) {
	where, url := "", d.scheme()+"://"+address
	if d.sandboxed {
		where = " in the sandbox"
	}
	d.app.tell(fmt.Sprintf("serving %s%s at %s; Ctrl-C stops it in order", d.project.dir, where, url), "serving",
		"project", d.project.dir, "url", url, "sandbox", d.sandboxed, "workflows", len(d.folder.Snapshot().Workflows), "version", d.app.Version)
}

// errStopped is why the daemon's context ends when somebody has asked for it.
var errStopped = errors.New("the daemon was asked to stop")

// heed ends the daemon in order at the first signal, and at once at the second.
func (d *daemon) heed(ended <-chan struct{}, stop context.CancelCauseFunc) {
	for again := false; ; again = true {
		select {
		case <-ended:
			return
		case <-d.app.Interrupts:
		}
		if again {
			d.app.say("left at once; what was begun is settled when the daemon is started again")
			os.Exit(exitStopped)
		}
		d.stop.begin()
		d.app.tell("stopping: nothing new is begun, what is in flight is finished (once more leaves at once)", "stopping", "project", d.project.dir, "sandbox", d.sandboxed)
		stop(errStopped)
	}
}

// scheme is how the daemon is spoken to.
func (d *daemon) scheme() string {
	if d.certificate != nil {
		return "https"
	}
	return "http"
}

// drain stops the engine in order.
func (d *daemon) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	return inTime(d.rest(ctx))
}

// ownAfter becomes the ledger's owner, which another process may be for a while.
func (d *daemon) ownAfter(ctx context.Context, turn *turn) error {
	for {
		owner, err := d.own(context.WithoutCancel(ctx), d.recoverAll)
		if err != nil || owner {
			return err
		}
		if err := turn.rest(ctx, nil); err != nil { // signals are heeded already
			return err
		}
	}
}

// recoverAll has the runs that an earlier process left go on: that is what a daemon is for.
func (d *daemon) recoverAll(run engine.Run) engine.Recovery {
	if run.Sandbox != d.sandboxed {
		return engine.Leave
	}
	return engine.Drive
}

// untilDamaged ends the daemon when its ledger turns out to be damaged: it could only try again without end.
func (d *daemon) untilDamaged(ctx context.Context) error {
	select {
	case err := <-d.damage:
		return err
	case <-ctx.Done():
		return nil
	}
}

// goOn has the runs go on that were paused only since the daemon, or whatever worked on them, died.
func (d *daemon) goOn(ctx context.Context) error {
	_, err := d.engine.ResumeInterrupted(ctx, d.fits)
	if err != nil && ctx.Err() == nil {
		d.app.logger().ErrorContext(ctx, "runs that were interrupted stay paused; resume them by hand", "error", err)
	}
	return nil
}

// fits tells whether a run is one that this daemon can work on.
func (d *daemon) fits(run engine.Run) bool {
	if run.Sandbox != d.sandboxed {
		return false
	}
	if d.sandboxed {
		return true
	}
	if _, err := d.clients.get(run.Connection); err != nil {
		d.app.logger().Warn("a run that was interrupted stays paused: its connection cannot be used", "run", run.ID, "error", err)
		return false
	}
	return true
}

// ledgerWritable commits an entry without changes. What is wrong stands in the log: anybody may ask.
func (d *daemon) ledgerWritable(ctx context.Context) error {
	if err := d.ledger.Append(ctx, engine.Entry{}).Wait(ctx); err != nil {
		d.app.logger().Warn("the ledger cannot be written", "error", err)
		return errors.New("cannot be written; the log says why")
	}
	return nil
}

// engineRunning finds out whether lanes are worked on.
func (d *daemon) engineRunning(context.Context) error {
	if d.stopWatch == nil || d.rested {
		return errors.New("nothing is worked on")
	}
	return nil
}

// folderLoaded finds out whether the workflows have been read.
func (d *daemon) folderLoaded(context.Context) error {
	if d.folder.Snapshot() == nil {
		return errors.New("the workflows are not read yet")
	}
	return nil
}
