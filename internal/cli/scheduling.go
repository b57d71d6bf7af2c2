package cli

import (
	"context"
	"sync"
	"sync/atomic"

	"youmiflow/engine"
	"youmiflow/internal/folder"
)

// openFolder reads the workflows that the daemon goes by, and puts the scheduler over them.
func (d *daemon) openFolder(ctx context.Context) error {
	var err error
	if d.folder, err = d.served.openFolder(ctx, d.session); err != nil {
		return err
	}
	d.scheduler = engine.NewScheduler(engine.SchedulerConfig{Engine: d.engine, Schedules: d.ledger,
		Planner: &folderPlanner{folder: d.folder}, Sandbox: d.sandboxed, Tell: d.fired})
	return nil
}

// schedule starts runs at their time, until ctx ends.
func (d *daemon) schedule(ctx context.Context) error {
	changes, stop := d.folder.Subscribe()
	defer stop()
	var listening sync.WaitGroup
	defer listening.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listening.Go(func() {
		for {
			select {
			case <-changes:
				d.scheduler.Poke()
			case <-ctx.Done():
				return
			}
		}
	})
	return d.scheduler.Run(ctx)
}

// folderPlanner shows the scheduler what the folder has.
type folderPlanner struct {
	folder *folder.Folder
	made   atomic.Pointer[plannedList]
}

// plannedList is what a Snapshot comes to. It is asked for every second.
type plannedList struct {
	version int
	list    []engine.Planned
}

// Planned implements engine.Planner.
func (p *folderPlanner) Planned() (version int, list []engine.Planned) {
	snapshot := p.folder.Snapshot()
	if made := p.made.Load(); made != nil && made.version == snapshot.Number {
		return made.version, made.list
	}
	list = make([]engine.Planned, len(snapshot.Workflows))
	for i, loaded := range snapshot.Workflows {
		list[i] = engine.Planned{Name: loaded.Name, Workflow: loaded.Workflow, Commit: loaded.Commit}
	}
	p.made.Store(&plannedList{snapshot.Number, list})
	return snapshot.Number, list
}
