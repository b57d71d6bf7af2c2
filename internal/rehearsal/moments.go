package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/events"
)

// moment does what the test says happens now. What cannot happen is a mismatch, and the test goes on.
func (p *play) moment(ctx context.Context) error {
	moment := p.Test.During[p.moments]
	err := p.happens(ctx, moment)
	if errors.Is(err, errNotYet) {
		return p.work(ctx)
	}
	p.moments++
	if cannot, ok := errors.AsType[*cannotHappen](err); ok {
		p.found = append(p.found, Mismatch{What: fmt.Sprintf("%s at %s: %s", moment.Act,
			p.Clock.Now().In(p.Test.Location).Format(time.DateTime), cannot.why), Span: moment.Span})
		return nil
	}
	return err
}

// errNotYet says that what is due now has to be worked on first.
var errNotYet = errors.New("not yet")

// cannotHappen says why a moment makes no sense when it comes.
type cannotHappen struct{ why string }

func (c *cannotHappen) Error() string { return c.why }

func (p *play) happens(ctx context.Context, moment Moment) error {
	switch moment.Act {
	case ActEvent:
		return p.push(ctx, moment.Event)
	case ActCrash:
		return p.crash(ctx, moment)
	case ActApprove, ActReject:
		return p.decide(ctx, moment)
	}
	if p.id == "" {
		return &cannotHappen{"there is no run yet"}
	}
	run, err := p.stage.Ledger.Run(ctx, p.id)
	if err != nil {
		return err
	}
	switch moment.Act {
	case ActPause:
		err = p.stage.Engine.Pause(ctx, p.id)
	case ActCancel:
		err = p.stage.Engine.Cancel(ctx, p.id)
	case ActResume:
		if run.Wanted == engine.WantPause && run.Status == engine.StatusRunning {
			return p.notYet("it does not come to rest")
		}
		err = p.stage.Engine.Resume(ctx, p.id)
	}
	if state, ok := errors.AsType[*engine.StateError](err); ok {
		return &cannotHappen{fmt.Sprintf("the run is %s", state.Status)}
	}
	return err
}

// notYet has what is due now be worked on first; when nothing is, why says what that means. A pause comes to rest a moment
// later than it is asked for.
func (p *play) notYet(why string) error {
	const soon = time.Second
	if at, due := p.Lanes.Next(); due && !at.After(p.Clock.Now().Add(soon)) {
		return errNotYet
	}
	return &cannotHappen{why}
}

func (p *play) decide(ctx context.Context, moment Moment) error {
	questions, err := p.questions(ctx)
	if err != nil {
		return err
	}
	for _, question := range questions {
		if question.Step == moment.Step.Value {
			return p.stage.Engine.Decide(ctx, question.Run, question.Step, moment.Act.decision(), moment.By, moment.Note)
		}
	}
	return p.notYet(fmt.Sprintf("the step %s asks nobody then", moment.Step.Value))
}

// push has the platform push an event: by the address that it really comes to, and what follows from it follows.
func (p *play) push(ctx context.Context, event *Pushed) error {
	values := event.payload()
	if event.said() {
		heard, err := p.box.Heard(event.Account, event.Friend, event.Content)
		if err != nil {
			return &cannotHappen{err.Error()}
		}
		for name, value := range values {
			heard[name] = value
		}
		values = heard
	}
	body, err := p.box.EventBody("test-"+strconv.Itoa(p.moments), event.kind(), values)
	if err != nil {
		return err
	}
	if err := p.stage.Push(ctx, body); err != nil {
		return err
	}
	p.Clock.Advance(p.Clock.Now().Add(time.Millisecond)) // as really, a run that it starts begins after it
	return p.heedEvents(ctx)
}

// crash has the process die, and another one take over what it left.
func (p *play) crash(ctx context.Context, moment Moment) error {
	p.Clock.Advance(moment.At.Add(moment.Down))
	p.Lanes.Forget()
	if err := p.stage.Restart(ctx); err != nil {
		return fmt.Errorf("starting again after a crash: %w", err)
	}
	drive := func(engine.Run) engine.Recovery { return engine.Drive }
	if err := p.stage.Engine.Recover(ctx, drive); err != nil {
		return fmt.Errorf("taking over after a crash: %w", err)
	}
	p.attend()
	if p.fireAt.IsZero() {
		return p.heedEvents(ctx)
	}
	return errors.Join(p.fire(ctx), p.heedEvents(ctx))
}

// kind is the platform's own word; of an event that nobody knows, any.
func (e *Pushed) kind() string {
	if kind := events.Kind(e.Kind.Value).Type(); kind != "" {
		return kind
	}
	return string(events.KindUnknown)
}
