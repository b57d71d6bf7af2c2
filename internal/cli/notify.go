package cli

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/notify"
)

func (a *app) notifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "The channels through which people are told"}
	test := &cobra.Command{
		Use:   "test CHANNEL",
		Short: "Send a test to a channel of youmiflow.yaml",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, arguments []string) error { return a.notifyTest(c.Context(), arguments[0]) },
	}
	c.AddCommand(test)
	return c
}

func (a *app) notifyTest(ctx context.Context, name string) error {
	project, err := a.openProject("")
	if err != nil {
		return err
	}
	n, err := a.openNotifier(ctx, project, []string{name})
	if err != nil {
		return &exit{code: exitInvalid, cause: err}
	}
	defer func() { _ = n.Close(ctx) }() // nothing waits in it
	message := notify.Message{Title: "youmiflow", Text: "测试通知：收到即表示通道可用。\nA test: the channel works."}
	if err := n.Send(ctx, name, message); err != nil {
		return err
	}
	a.say("the channel %s has taken it", name)
	return nil
}

// openNotifier opens channels. One that the project does not have, or whose variables are not set, is an error.
func (a *app) openNotifier(ctx context.Context, project *project, names []string) (*notify.Notifier, error) {
	config := notify.Config{Channels: map[string]notify.Channel{}, Rules: project.config.Notify.Rules, Logger: a.logger()}
	for _, name := range names {
		settings, err := project.config.ChannelSettings(name)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", name, err)
		}
		if config.Channels[name], err = notify.Open(settings, time.Now); err != nil {
			return nil, fmt.Errorf("channel %s: %w", name, err)
		}
	}
	return notify.New(ctx, config), nil
}

// goodbye is how long a process that ends stays to deliver notifications.
const goodbye = 8 * time.Second

// telling turns what the engine gives notice of into occasions, beside the engine: it looks runs up in the ledger.
type telling struct {
	session  *session
	notifier atomic.Pointer[notify.Notifier] // another one after the configuration was read again
	notices  chan engine.Notice
	working  sync.WaitGroup
	once     sync.Once
}

// tellPeople opens the channels of the project. Rehearsals tell nobody. A channel that cannot be opened is said, and fails
// nothing.
func (s *session) tellPeople(ctx context.Context) {
	names := s.project.config.Channels()
	if s.sandboxed || len(names) == 0 {
		return
	}
	notifier, err := s.app.openNotifier(ctx, s.project, names)
	if err != nil {
		s.app.say("warning: nobody is told of anything: %v", err)
		return
	}
	t := &telling{session: s, notices: make(chan engine.Notice, 1000)}
	t.notifier.Store(notifier)
	t.working.Go(func() { t.run(context.WithoutCancel(ctx)) })
	s.telling = t
	s.closers = append(s.closers, t.close)
}

// notice is what the engine tells.
func (s *session) notice(notice engine.Notice) {
	if s.telling != nil {
		s.telling.hear(notice)
	}
}

// notifyNow delivers what a step wants told.
func (s *session) notifyNow(ctx context.Context, channel string, message notify.Message) error {
	if s.telling == nil {
		return fmt.Errorf("the channel %q cannot be used: see notify.channels in youmiflow.yaml", channel)
	}
	return s.telling.notifier.Load().Send(ctx, channel, message)
}

// hear takes a notice. It never waits: what is too much is dropped and logged.
func (t *telling) hear(notice engine.Notice) {
	select {
	case t.notices <- notice:
	default:
		t.session.app.logger().Warn("too many notices at once: one is dropped", "kind", notice.Kind, "run", notice.Run)
	}
}

func (t *telling) run(ctx context.Context) {
	for notice := range t.notices {
		for _, occasion := range t.occasions(ctx, notice) {
			t.notifier.Load().Tell(occasion)
		}
	}
}

// close delivers what is on its way. The engine has stopped by then. What cannot be delivered in time is logged by the
// notifier, and fails nothing.
func (t *telling) close() error {
	t.once.Do(func() {
		close(t.notices)
		t.working.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		if err := t.notifier.Load().Close(ctx); err != nil {
			t.session.app.logger().Warn("closing the channels", "error", err)
		}
	})
	return nil
}

// occasions says what there is to tell about a notice.
func (t *telling) occasions(ctx context.Context, notice engine.Notice) []notify.Occasion {
	if notice.Kind == engine.NoticeTripped {
		if notice.Sandbox {
			return nil
		}
		return []notify.Occasion{{On: notify.AccountTripped, Account: notice.Account, Detail: notice.Text}}
	}
	run, err := t.session.ledger.Run(ctx, notice.Run)
	if err != nil {
		t.session.app.logger().Warn("looking up a run that people are to be told of", "run", notice.Run, "error", err)
		return nil
	}
	if run.Sandbox {
		return nil
	}
	o := notify.Occasion{Workflow: run.Workflow, Run: run.ID, Step: notice.Step, Detail: notice.Text,
		Failed: run.Counts[engine.StatusFailed], Unknown: run.Counts[engine.StatusUnknown]}
	for _, n := range run.Counts {
		o.Total += n
	}
	switch notice.Kind {
	case engine.NoticePaused:
		o.On = notify.RunPaused
	case engine.NoticeStuck:
		o.On = notify.TakeoverStuck
	case engine.NoticeQuestion:
		o.On = notify.Approval
	case engine.NoticeEnded:
		return ended(o, run.Status)
	}
	return []notify.Occasion{o}
}

// ended are the occasions of a run that is over.
func ended(o notify.Occasion, status engine.Status) []notify.Occasion {
	var list []notify.Occasion
	if status == engine.StatusFailed || o.Failed > 0 && status == engine.StatusPartial {
		failed := o
		failed.On = notify.RunFailed
		list = append(list, failed)
	}
	if o.Unknown > 0 {
		o.On = notify.UnknownLeft
		list = append(list, o)
	}
	return list
}

// missed tells of instants of a schedule that passed.
func (t *telling) missed(fire engine.Fire) {
	if fire.Missed > 0 {
		t.notifier.Load().Tell(notify.Occasion{On: notify.ScheduleMissed, Workflow: fire.Workflow,
			Detail: fmt.Sprintf("%s: %s (%d)", fire.Trigger, fire.Instant.Format(time.RFC3339), fire.Missed)})
	}
}

// channels are the names of the project's channels; nil where there is no youmiflow.yaml to say.
func (p *project) channels() []string {
	if p.config.File == "" {
		return nil
	}
	return append([]string{}, p.config.Channels()...)
}

// fired hears what came of an instant of a schedule.
func (s *session) fired(fire engine.Fire) {
	if s.app.metrics != nil {
		s.app.metrics.Fire(fire)
	}
	if s.telling != nil {
		s.telling.missed(fire)
	}
}
