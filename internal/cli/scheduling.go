package cli

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

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

const (
	// settledAfter is how long after the files were read what follows from that is done: the schedules are kept, and watched.
	settledAfter = 2 * time.Second
	// giveBackEvery is how often a daemon at rest gives memory back. It takes a few milliseconds.
	giveBackEvery = time.Minute
)

// giveBack gives memory back to the system until ctx ends: what reading the files took, at the start and after every
// change, and what work took that is over. The collector would keep it in case as much is needed again.
func (d *daemon) giveBack(ctx context.Context) error {
	changes, stop := d.folder.Subscribe()
	defer stop()
	next := time.NewTimer(settledAfter)
	defer next.Stop()
	for {
		select {
		case <-changes:
			next.Reset(settledAfter)
		case <-next.C:
			if d.engine.AtRest() {
				debug.FreeOSMemory()
			}
			next.Reset(giveBackEvery)
		case <-ctx.Done():
			return nil
		}
	}
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
