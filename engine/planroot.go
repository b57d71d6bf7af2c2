package engine

import (
	"context"
	"fmt"

	"youmiflow/workflows"
)

// rootItem is for the run's own steps, or those of a run that it calls, which begins at an instant.
func (p *planner) rootItem(book *plannedBook, began int64) *plannedItem {
	it := &plannedItem{root: true, more: true, book: book, talks: book.talks, contact: contactOf("", int64(book.id))}
	it.shape = &plannedShape{}
	it.seed = newSeeds(book.active.workflow.Digest).item("")
	if length := book.active.workflow.Deadline; length > 0 {
		it.deadline = began + int64(length)
	}
	return it
}

// push adds an op behind the others.
func (it *plannedItem) push(op plannedOp) int {
	op.book = it.book
	it.ops = append(it.ops, op)
	it.ops[len(it.ops)-1].end = len(it.ops)
	it.state = append(it.state, opState{})
	it.to = len(it.ops)
	return len(it.ops) - 1
}

// pushWhom numbers a conversation.
func (it *plannedItem) pushWhom(who plannedWhom) int {
	for i, known := range it.whoms {
		if known == who {
			return i
		}
	}
	it.whoms = append(it.whoms, who)
	it.held, it.ending = append(it.held, 0), append(it.ending, 0)
	return len(it.whoms) - 1
}

// local performs a step that calls nobody.
func (p *planner) local(ctx context.Context, s *scope, _ *workflows.Step, action Action) (*result, error) {
	return s.assume(ctx, action), nil
}

// call times a call of the run's own steps. What they only read is read: it changes nothing, and what the plan shows may
// rest on it.
func (p *planner) call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	request, it := action.Request, strandOf(ctx).item
	p.root.show(step.Path, request)
	if s.handing {
		return assumed(s, step, action, &result{}), nil
	}
	op := plannedOp{kind: opCall, path: step.Path, operation: request.Operation, effect: request.Effect, takeover: request.Takeover,
		whom: it.pushWhom(plannedWhom{p.shapes.account(request.Account), request.Friend})}
	if request.Effect == workflows.EffectRead {
		return p.readNow(ctx, s, step, action, it, &op)
	}
	done, err := p.perform(ctx, it.push(op))
	if err != nil {
		return nil, err
	}
	if !done {
		return &result{Status: StatusSkipped}, nil
	}
	return assumed(s, step, action, &result{}), nil
}

func (p *planner) readNow(ctx context.Context, s *scope, step *workflows.Step, action Action, it *plannedItem, op *plannedOp) (*result, error) {
	r, err := p.read(ctx, s, step, action)
	if err != nil {
		return nil, err
	}
	if err := p.catchUp(ctx); err != nil {
		return nil, err
	}
	op.book = it.book
	p.timer.leaves(it, op, p.line.now)
	return r, nil
}

// catchUp brings the plan's clock to the real one, after something was read at its pace.
func (p *planner) catchUp(ctx context.Context) error {
	if at := p.clock.at.UnixNano(); !p.clock.at.IsZero() && at > p.line.now {
		return p.sleep(ctx, at)
	}
	return nil
}

// perform has a strand do its last op, however long that takes. It reports whether it was done, and not left out.
func (p *planner) perform(ctx context.Context, op int) (bool, error) {
	me := strandOf(ctx)
	if p.untimed {
		me.item.state[op] = opState{done: true}
		return true, nil
	}
	for {
		stop, err := p.timer.work(ctx, me.item, p.line.now)
		if err != nil {
			return false, err
		}
		if stop == nil {
			return me.item.state[op].done, nil
		}
		if err := me.await(stop.at); err != nil {
			return false, err
		}
	}
}

// handBack ends the conversations that a run's own steps hold when it ends.
func (p *planner) handBack(ctx context.Context, it *plannedItem) error {
	for !p.untimed {
		stop, err := p.timer.release(ctx, it, p.line.now, false)
		if stop == nil || err != nil {
			return err
		}
		if err := strandOf(ctx).await(stop.at); err != nil {
			return err
		}
	}
	return nil
}

// sleep lets time pass for a strand.
func (p *planner) sleep(ctx context.Context, until int64) error {
	for p.line.now < until {
		if err := strandOf(ctx).await(until); err != nil {
			return err
		}
	}
	return nil
}

// findEnd asks the catalogue how a conversation is handed back.
func (p *planner) findEnd() error {
	entry, ok := p.engine.Steps.Step(releaseStep)
	if !ok {
		return nil // nothing can be taken over either
	}
	handle := Handle{"account": "account", "friend": "friend", "key": "key"}
	action, err := entry.Prepare(Input{Connection: p.active.run.Connection, Run: p.active.run.ID, With: map[string]any{"takeover": handle}})
	if err != nil {
		return fmt.Errorf("preparing %s: %w", releaseStep, err)
	}
	if action.Request != nil {
		p.end = plannedOp{operation: action.Request.Operation, effect: action.Request.Effect}
	}
	return nil
}
