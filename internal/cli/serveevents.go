package cli

import (
	"context"
	"maps"
	"slices"

	"youmiflow/engine"
	"youmiflow/internal/events"
)

// openEvents prepares what receives events and what acts on them. Without a secret in the configuration no address is
// open; events that are there already are acted on all the same.
func (d *daemon) openEvents() error {
	d.events = engine.NewEventWork(engine.EventWorkConfig{Engine: d.engine, Scheduler: d.scheduler, Backlogs: d.ledger,
		Connections: slices.Sorted(maps.Keys(d.project.config.Connections))})
	secret, err := d.project.config.EventSecret()
	if err != nil || secret.Empty() {
		return asInvalid(err)
	}
	receiver, err := events.New(events.Config{Store: pokingStore{d.ledger, d.events, d.app.metrics.Event}, Secret: secret.Reveal(), Logger: d.app.logger()})
	if err != nil {
		return invalid("server.events: %w", err)
	}
	d.web.Mount(events.Prefix, receiver)
	return nil
}

func asInvalid(err error) error {
	if err == nil {
		return nil
	}
	return invalid("server.events: %w", err)
}

// pokingStore tells who acts on events that there is one.
type pokingStore struct {
	events.Store
	work  *engine.EventWork
	count func()
}

// AddEvent implements events.Store.
func (p pokingStore) AddEvent(ctx context.Context, event events.Event) (bool, error) {
	added, err := p.Store.AddEvent(ctx, event)
	if added {
		p.count()
		p.work.Poke()
	}
	return added, err
}
