package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"youmiflow/engine"
)

const (
	// jobTimeout ends the context of a slice that does not end by itself: slices last 20 s, calls at most 30 s.
	jobTimeout = 60 * time.Second
	// rescueAfter is when a job whose process died is given to another. It has to exceed jobTimeout.
	rescueAfter = 75 * time.Second
	// pollInterval is only for wakes of other processes: our own are told directly.
	pollInterval = 5 * time.Second
	// cooldown is the least time between two looks for jobs. It bounds the latency of a wake from above.
	cooldown = 5 * time.Millisecond
	// retention is how long finished jobs are kept, for whoever looks into River's tables.
	retention = time.Hour
	// farewell is how long Stop waits for slices that do not end although their time is up.
	farewell = 2 * time.Second
)

// Config is what a dispatcher needs. Fields without a stated default are required.
type Config struct {
	// DB is the connection that writes the ledger, for SQLite.
	DB *sql.DB
	// Work works on a lane for one slice, never on the same lane twice at a time. Its context ends when the dispatcher
	// stops: it should then take up nothing new, give the lane back and return. With an instant, the lane is worked on
	// again then; after an error, again after a pause.
	Work func(ctx context.Context, key engine.LaneKey) (again *time.Time, err error)
	// MaxLanes is how many lanes are worked on at a time. Default 256.
	MaxLanes int
	// Logger gets failures of lanes, and what River warns of. Default slog.Default().
	Logger *slog.Logger
}

// Dispatcher has lanes worked on.
type Dispatcher struct {
	config   Config
	client   *river.Client[*sql.Tx]
	listener *listener
	alarms   *alarms
	lanes    lanes

	// stopping is done once slices are to end.
	stopping   context.Context
	endSlices  context.CancelFunc
	background sync.WaitGroup
}

// New prepares River's tables and a dispatcher. Wake may be used at once; nothing is worked on before Start. The
// context bounds the preparation only.
func New(ctx context.Context, config Config) (*Dispatcher, error) {
	if config.DB == nil || config.Work == nil {
		return nil, errors.New("a dispatcher needs DB and Work")
	}
	if config.MaxLanes <= 0 {
		config.MaxLanes = 256
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	d := &Dispatcher{config: config, listener: newListener()}
	d.stopping, d.endSlices = context.WithCancel(context.Background())
	if err := d.connect(ctx); err != nil {
		d.endSlices()
		return nil, fmt.Errorf("preparing River: %w", err)
	}
	d.alarms = newAlarms(d.advance)
	return d, nil
}

func (d *Dispatcher) connect(ctx context.Context) error {
	driver := &sqliteDriver{riversqlite.New(d.config.DB), d.listener}
	if err := migrate(ctx, driver, d.config.DB); err != nil {
		return err
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{dispatcher: d}); err != nil {
		return err
	}
	var err error
	d.client, err = river.NewClient(driver, &river.Config{
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: d.config.MaxLanes}},
		Workers:                     workers,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		FetchPollInterval:           pollInterval,
		FetchCooldown:               cooldown,
		CompletedJobRetentionPeriod: retention,
		RetryPolicy:                 retryPolicy{},
		MaxAttempts:                 maxAttempts,
		Logger:                      slog.New(newWarnings(d.config.Logger.With("component", "river").Handler())),
	})
	return err
}

// Start begins to work on lanes. Ctx's values reach the work; its end does not stop it, Stop does.
func (d *Dispatcher) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := d.client.Start(ctx); err != nil {
		return fmt.Errorf("starting River: %w", err)
	}
	d.background.Go(func() { d.alarms.run(d.stopping) })
	return nil
}

// Stop ends the contexts of all slices and waits for them; no new ones begin. When ctx ends first, River's contexts are
// cancelled too, and what does not return within another 2 s is left behind, which the error says.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.endSlices()
	err := d.client.Stop(ctx)
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if late := d.client.StopAndCancel(last); late == nil {
			err = nil
		} else {
			err = fmt.Errorf("%d lanes are still being worked on: %w", d.lanes.count(), err)
		}
	}
	d.background.Wait()
	return err
}

// Reset deletes all jobs that are not finished. A new owner of an embedded database calls it before Start, and then
// wakes what the ledger holds unfinished: what a dead process left in River would otherwise wait to be rescued.
func (d *Dispatcher) Reset(ctx context.Context) error {
	_, err := d.config.DB.ExecContext(ctx, `DELETE FROM river_job WHERE kind = ? AND finalized_at IS NULL`, laneArgs{}.Kind())
	if err != nil {
		return fmt.Errorf("deleting the jobs of the last owner: %w", err)
	}
	return nil
}

// Wake has lanes worked on once the transaction is committed; the function it returns must be called then. It fits
// ledger.WakeFunc.
func (d *Dispatcher) Wake(ctx context.Context, tx *sql.Tx, wakes []engine.Wake) (committed func(), err error) {
	seen := make(map[engine.Wake]bool, len(wakes))
	var params []river.InsertManyParams
	now := time.Now()
	for _, wake := range wakes {
		if !wake.At.After(now) {
			wake.At = time.Time{}
		}
		if !seen[wake] {
			seen[wake] = true
			params = append(params, river.InsertManyParams{Args: laneArgs{LaneKey: wake.LaneKey}, InsertOpts: at(wake.At)})
		}
	}
	return d.insert(ctx, tx, params)
}

func at(t time.Time) *river.InsertOpts { return &river.InsertOpts{ScheduledAt: t} }

// insert adds jobs, and returns what makes them known after the commit.
func (d *Dispatcher) insert(ctx context.Context, tx *sql.Tx, params []river.InsertManyParams) (committed func(), err error) {
	results, err := d.client.InsertManyTx(ctx, tx, params)
	if err != nil {
		return nil, err
	}
	return func() {
		due := false
		for i, result := range results {
			if when := params[i].InsertOpts.ScheduledAt; when.IsZero() {
				due = true
			} else {
				d.alarms.set(when, result.Job.ID)
			}
		}
		if due {
			d.listener.notify()
		}
	}, nil
}

// advance makes a job due whose instant has come. River's own scheduler, which looks every 5 s, does it for the jobs of
// processes that are gone.
func (d *Dispatcher) advance(ctx context.Context, job int64) {
	if _, err := d.client.JobRetry(ctx, job); err != nil && !errors.Is(err, river.ErrNotFound) && ctx.Err() == nil {
		d.config.Logger.Warn("a lane is woken late", "error", err)
		return
	}
	d.listener.notify()
}
