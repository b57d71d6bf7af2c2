package cli

import (
	"context"
	"fmt"

	"youmiflow/internal/systemd"
)

// supervisor is the service manager that started the process, if one has.
func (a *app) supervisor() systemd.Supervisor { return systemd.Find(a.Lookup) }

// ready tells the service manager that the daemon does its work.
func (d *daemon) ready() {
	status := fmt.Sprintf("%d workflows", len(d.folder.Snapshot().Workflows))
	if err := d.app.supervisor().Ready(status); err != nil {
		d.app.logger().Warn("starting", "error", err)
	}
}

// stopping tells it that the daemon is about to end.
func (d *daemon) stopping() {
	if err := d.app.supervisor().Stopping(); err != nil {
		d.app.logger().Warn("stopping", "error", err)
	}
}

// watchdog tells it that the daemon is alive, as long as the ledger can be written.
func (d *daemon) watchdog(ctx context.Context) error {
	d.app.supervisor().Watch(ctx, d.ledgerWritable, func(err error) {
		d.app.logger().WarnContext(ctx, "watchdog", "error", err)
	})
	return nil
}
