package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
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
	if err := knownChannel(project, name); err != nil {
		return err
	}
	n, err := a.openNotifier(ctx, project, []string{name}, nil)
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

// knownChannel names the channels that there are, where one is meant that there is not.
func knownChannel(project *project, name string) error {
	there := project.config.Channels()
	switch near := diagnostic.Suggest(name, there); {
	case slices.Contains(there, name):
		return nil
	case len(there) == 0:
		return invalid("there is no channel %q: youmiflow.yaml has none; add it under notify.channels (docs/notifications.md)", name)
	case near != "":
		return invalid("there is no channel %q, did you mean %q? There are: %s", name, near, strings.Join(there, ", "))
	default:
		return invalid("there is no channel %q; there are: %s", name, strings.Join(there, ", "))
	}
}

// openNotifier opens channels. One that the project does not have, or whose variables are not set, is an error. Health, unless
// nil, hears whether they deliver.
func (a *app) openNotifier(ctx context.Context, project *project, names []string, health func(string, error)) (*notify.Notifier, error) {
	config := notify.Config{Channels: map[string]notify.Channel{}, Rules: project.config.Notify.Rules, Logger: a.logger(), Health: health}
	for _, name := range names {
		var err error
		if config.Channels[name], err = project.openChannel(name); err != nil {
			return nil, fmt.Errorf("channel %s: %w", name, err)
		}
	}
	return notify.New(ctx, config), nil
}

// openChannel looks up what a channel needs. Nothing is sent.
func (p *project) openChannel(name string) (notify.Channel, error) {
	settings, err := p.config.ChannelSettings(name)
	if err != nil {
		return nil, err
	}
	return notify.Open(settings, time.Now)
}

// goodbye is how long a process that ends stays to deliver notifications.
const goodbye = 8 * time.Second

// tellPeople opens the channels of the project. Rehearsals tell nobody. A channel that cannot be opened is said, and fails
// nothing.
func (s *session) tellPeople(ctx context.Context) {
	names := s.project.config.Channels()
	if s.sandboxed || len(names) == 0 {
		return
	}
	notifier, err := s.app.openNotifier(ctx, s.project, names, s.channelHealth)
	if err != nil {
		s.app.say("warning: nobody is told of anything: %v", err)
		return
	}
	s.telling = newTelling(s.ledger, s.app.logger(), notifier)
	s.closers = append(s.closers, s.telling.close)
}

// noticed is what the engine gives notice to; nil when nobody is told.
func (s *session) noticed() func(engine.Notice) {
	if s.telling == nil {
		return nil
	}
	return func(engine.Notice) { s.telling.poke() }
}

// notifyNow delivers what a step wants told.
func (s *session) notifyNow(ctx context.Context, channel string, message notify.Message) error {
	if s.telling == nil {
		return fmt.Errorf("the channel %q cannot be used: see notify.channels in youmiflow.yaml", channel)
	}
	return s.telling.notifier.Load().Send(ctx, channel, message)
}

// occasions says what there is to tell about a notice: nothing of rehearsals, and of runs that are gone.
func (t *telling) occasions(ctx context.Context, notice engine.Notice) ([]notify.Occasion, error) {
	if notice.Sandbox {
		return nil, nil
	}
	switch notice.Kind {
	case engine.NoticeTripped:
		return []notify.Occasion{{On: notify.AccountTripped, Account: notice.Account, Detail: notice.Text}}, nil
	case engine.NoticeMissed:
		return []notify.Occasion{{On: notify.ScheduleMissed, Workflow: notice.Workflow, Detail: notice.Text}}, nil
	}
	run, err := t.ledger.Run(ctx, notice.Run)
	if errors.Is(err, engine.ErrNotFound) || run.Sandbox {
		return nil, nil
	}
	if err != nil {
		return nil, err
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
		return ended(o, run.Status), nil
	}
	return []notify.Occasion{o}, nil
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

// channels are the names of the project's channels; nil where there is no youmiflow.yaml to say.
func (p *project) channels() []string {
	config := p.newest()
	if config.File == "" {
		return nil
	}
	return append([]string{}, config.Channels()...)
}

// fired hears what came of an instant of a schedule.
func (s *session) fired(fire engine.Fire) {
	if s.app.metrics != nil {
		s.app.metrics.Fire(fire)
	}
}
