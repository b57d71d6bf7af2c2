package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/internal/web/result"
)

// doctor returns what examines the daemon, one examination at a time. Unlike the command on the spot it does not open the
// ledger's file: closing it again would take the locks from the file that this process holds through SQLite.
func (d *daemon) doctor() func(context.Context) ([]result.Finding, error) {
	alone := make(chan struct{}, 1)
	return func(ctx context.Context) ([]result.Finding, error) {
		select {
		case alone <- struct{}{}:
			defer func() { <-alone }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return d.examine(ctx)
	}
}

func (d *daemon) examine(ctx context.Context) ([]result.Finding, error) {
	project := *d.project
	project.config = d.current.Load()
	c := &checkup{app: d.app, project: &project, sandboxed: d.sandboxed}
	c.ready("ledger", d.ledgerWritable(ctx), "look into the daemon's log; is the disk full?")
	c.ready("engine", d.engineRunning(ctx), "look into the daemon's log, and start it again")
	c.checkReloaded(d)
	c.checkSnapshot(d)
	c.checkFollowing(d)
	c.checkLimits()
	c.checkTakeovers(ctx, d.ledger, d.database)
	c.checkChannelSettings()
	c.checkChannels(ctx, d.ledger)
	c.checkHeld(ctx, d)
	c.checkDisk()
	c.checkConnections(ctx, d)
	return c.findings, ctx.Err()
}

func (c *checkup) ready(name string, err error, advice string) {
	if err != nil {
		c.add(name, ill, advice, "%v", c.app.hide.Error(err))
		return
	}
	c.add(name, healthy, "", "as it should be")
}

// checkReloaded says so where the configuration that is in force is not the one that was read last.
func (c *checkup) checkReloaded(d *daemon) {
	if failed := d.stale.Load(); failed != nil {
		c.add("configuration", ill, "mend youmiflow.yaml (youmiflow validate), then have it read again: systemctl reload youmiflow, or SIGHUP",
			"what was read last cannot be used, and the one before is in force: %s", sentences(c.app.hide.Error(*failed)))
	}
}

// checkSnapshot looks for files of workflows that are broken now.
func (c *checkup) checkSnapshot(d *daemon) {
	var broken []string
	snapshot := d.folder.Snapshot()
	all := snapshot.Workflows
	for _, one := range all {
		if one.Broken {
			broken = append(broken, one.File)
		}
	}
	for _, problem := range snapshot.Problems { // the folder itself may be gone
		if problem.Severity == diagnostic.Error && problem.Code != folder.CodeBranch && !slices.Contains(broken, problem.File) {
			broken = append(broken, problem.File)
		}
	}
	if len(broken) > 0 {
		c.add("workflows", ill, "see what is wrong: youmiflow validate", "%s cannot be loaded: %s", counted(len(broken), "workflow"), strings.Join(broken, ", "))
		return
	}
	c.add("workflows", healthy, "", "%s", counted(len(all), "workflow"))
}

// checkFollowing looks whether the branch is followed, where one is.
func (c *checkup) checkFollowing(d *daemon) {
	switch following, follows := d.folder.Following(); {
	case !follows:
	case following.Error != "":
		c.badBranch(following.URL, fmt.Sprintf("%s; commit %.12s stays in force", following.Error, following.Commit))
	default:
		c.add("branch", healthy, "", "%s: commit %.12s is in force", following.URL, following.Commit)
	}
}

// badBranch says that a branch cannot be followed.
func (c *checkup) badBranch(url, why string) {
	c.add("branch", ill, "mend the repository, or what lets the daemon in (docs/git.md): it looks again by itself", "%s: %s", url, c.app.hide.Text(why))
}

// checkBranch looks whether the daemon that works here can follow its branch.
func (c *checkup) checkBranch(ctx context.Context) {
	t, err := c.app.inForce(ctx, c.project)
	switch {
	case err != nil:
		c.add("branch", uneasy, "ask the daemon itself: youmiflow doctor --server URL", "what the daemon has in force cannot be read: %s", sentences(err))
	case t != nil:
		for _, problem := range t.problems {
			if problem.Code == folder.CodeBranch {
				c.badBranch(problem.File, problem.Message)
			}
		}
	}
}

// checkHeld looks for accounts that are held.
func (c *checkup) checkHeld(ctx context.Context, d *daemon) {
	rows, err := d.ledger.Accounts(ctx)
	if err != nil {
		c.add("accounts", ill, "restore the database from a backup, if it is damaged", "%v", err)
		return
	}
	rows = slices.DeleteFunc(rows, func(account engine.Account) bool {
		_, rehearsed := engine.AccountsOf(account.Connection)
		return rehearsed != d.sandboxed
	})
	if len(rows) > 0 {
		c.add("accounts", uneasy, "see why: youmiflow accounts", "%s held", counted(len(rows), "account"))
		return
	}
	c.add("accounts", healthy, "", "none is held")
}

// checkConnections finds out whether the platform answers, and takes the credentials.
func (c *checkup) checkConnections(ctx context.Context, d *daemon) {
	if d.sandboxed {
		c.simulated()
		return
	}
	if len(c.project.config.Connections) == 0 {
		c.add("connection", ill, "add one under connections in youmiflow.yaml, and start the daemon again", "there is none: a run that calls the platform fails")
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.config.Connections)) {
		timed, cancel := context.WithTimeout(ctx, requestTimeout)
		err := d.clients.preflight(timed, name)
		cancel()
		if err != nil {
			c.add("connection", ill, "check the settings of the connection "+name, "%s: %s", name, sentences(c.app.hide.Error(err)))
			continue
		}
		c.add("connection", healthy, "", "%s: it can be reached, and takes the credentials", name)
	}
}
