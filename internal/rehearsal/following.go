package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// following is what a daemon has besides the engine: what starts runs at their time, and what acts on events.
type following struct {
	scheduler *engine.Scheduler
	events    *engine.EventWork
	fireAt    time.Time // when the scheduler is due; zero: it is not followed (any more)
	fired     []engine.Fire
}

// onlyTrigger plans a workflow with the trigger that a test names; without one, nothing.
type onlyTrigger struct {
	*Setting
	catalogue workflows.Catalogue
}

// Planned implements engine.Planner.
func (o onlyTrigger) Planned() (version int, list []engine.Planned) {
	if o.Test.Trigger == nil {
		return 1, nil
	}
	workflow := o.Workflow.Rest(o.catalogue)
	workflow.Triggers = slices.DeleteFunc(slices.Clone(workflow.Triggers), func(trigger *workflows.Trigger) bool {
		return trigger.Name != o.Test.Trigger.Name.Value
	})
	return 1, []engine.Planned{{Name: workflow.Name, Workflow: workflow}}
}

// attend begins to look after triggers and events, in place of a daemon.
func (p *play) attend() {
	p.scheduler = engine.NewScheduler(engine.SchedulerConfig{Engine: p.stage.Engine, Schedules: p.stage.Schedules,
		Planner: onlyTrigger{p.Setting, p.stage.Engine.Catalogue}, Sandbox: true, Tell: func(fire engine.Fire) { p.fired = append(p.fired, fire) }})
	p.events = engine.NewEventWork(engine.EventWorkConfig{Engine: p.stage.Engine, Scheduler: p.scheduler, Backlogs: p.stage.Backlogs,
		Connections: connections(p.Workflow)})
}

// connections are those of a workflow and of the ones that it calls.
func connections(workflow *workflows.Workflow) []string {
	names := []string{workflow.Connection}
	for _, called := range workflow.Calls {
		names = append(names, connections(called)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fire starts the runs that are due.
func (p *play) fire(ctx context.Context) error {
	return p.living(func() error {
		next, err := p.scheduler.Look(ctx)
		if err != nil {
			return fmt.Errorf("starting runs at their time: %w", err)
		}
		p.fireAt = next
		follow := p.Test.Trigger.Follow
		if follow == 0 && len(p.fired) > 0 || follow > 0 && next.After(p.Test.Clock.Add(follow)) {
			p.fireAt = time.Time{}
		}
		return p.adopt(ctx)
	})
}

// heedEvents has what follows from events follow.
func (p *play) heedEvents(ctx context.Context) error {
	if err := p.events.Look(ctx); err != nil {
		return fmt.Errorf("acting on events: %w", err)
	}
	return p.adopt(ctx)
}

// adopt takes note of runs that were started: the first is the one that the test is about.
func (p *play) adopt(ctx context.Context) error {
	if p.Test.Trigger == nil {
		return nil
	}
	runs, err := p.family(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		known := slices.ContainsFunc(p.fired, func(fire engine.Fire) bool { return fire.Run == run.ID })
		if run.Trigger == engine.TriggerEvent && !known {
			p.fired = append(p.fired, engine.Fire{Instant: run.CreatedAt, At: run.CreatedAt, Outcome: engine.Fired, Run: run.ID})
		}
		if p.id == "" && run.Parent == nil {
			p.id = run.ID
		}
	}
	return nil
}
