package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

const (
	healthy = result.Healthy
	uneasy  = result.Uneasy
	ill     = result.Ill
)

// checkup examines one project and one of its connections.
type checkup struct {
	app        *app
	connection string
	sandboxed  bool // it is about rehearsals
	project    *project
	settings   *workflows.ConnectionSettings // nil while they are not known
	client     *youmi.Client
	findings   []result.Finding
}

func (a *app) doctorCommand() *cobra.Command {
	connection := "default"
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, connection, clock, database and limits; nothing is sent to a customer",
		Long: `Checks whether this project can work: its youmiflow.yaml, the connection and its token, the
clock, the database, the limits, and what the workflows use that the vendor's documents leave
open. It reads from the platform and writes nothing, there or here. Exit code 3 when a check
fails; warnings alone are 0.

With --sandbox it checks whether rehearsals can work: these need no platform.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := a.untilInterrupted(c.Context())
			defer stop()
			return a.elsewhere(ctx, func(ctx context.Context, r remote) error { return r.doctor(ctx, c.Flags().Changed("connection")) }, func() error {
				if a.sandbox && c.Flags().Changed("connection") {
					return usage("--connection does not go with --sandbox: rehearsals use no connection")
				}
				examination := &checkup{app: a, connection: connection, sandboxed: a.sandbox}
				if err := examination.run(ctx); err != nil {
					return err
				}
				return examination.report()
			})
		},
	}
	c.Flags().StringVar(&connection, "connection", connection, "the connection to check")
	a.outputFlag(c)
	a.serverFlag(c)
	a.worldFlag(c, "whether rehearsals can work, which need no platform")
	return c
}

// untilInterrupted ends the context with the first signal, too. stop waits for whoever watches.
func (a *app) untilInterrupted(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-a.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

func (c *checkup) add(name string, status result.Health, advice, found string, arguments ...any) {
	c.findings = append(c.findings, result.Finding{Name: name, Status: status, Found: fmt.Sprintf(found, arguments...), Advice: advice})
}

// run makes every check that the earlier ones leave possible.
func (c *checkup) run(ctx context.Context) error {
	ok, err := c.checkProject()
	if err != nil {
		return err
	}
	if c.project != nil {
		c.checkBranch(ctx)
	}
	if ok {
		if c.sandboxed {
			c.simulated()
		} else {
			c.checkConnection()
		}
		c.checkLimits()
		c.checkLists()
		c.checkChannelSettings()
		c.checkDatabase(ctx)
		c.checkDisk()
		if c.client != nil {
			c.checkPlatform(ctx)
			c.client.CloseIdle()
		}
		if err := c.checkOperations(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// report prints the findings, and ends with the exit code.
func (c *checkup) report() error {
	failed := 0
	for _, found := range c.findings {
		if found.Status == ill {
			failed++
		}
	}
	if err := c.print(); err != nil {
		return err
	}
	if failed > 0 {
		return invalid("%s of %d failed", counted(failed, "check"), len(c.findings))
	}
	return nil
}

// print prints the findings in the format that was asked for.
func (c *checkup) print() error {
	if c.app.output == "table" {
		return writeFindings(c.app.Stdout, c.findings, widthOf(c.app.Stdout))
	}
	list := newListing(c.app.output, c.app.Stdout, "CHECK", "STATUS", "FOUND", "WHAT TO DO")
	for _, found := range c.findings {
		if err := list.add(found, found.Name, string(found.Status), found.Found, found.Advice); err != nil {
			return err
		}
	}
	return list.end()
}

// checkProject finds youmiflow.yaml and reads it. It answers false when nothing else can be looked at.
func (c *checkup) checkProject() (bool, error) {
	dir, found, err := c.app.findProject(".")
	if err != nil {
		return false, err
	}
	if !found && c.sandboxed {
		c.add("project", healthy, "", "no youmiflow.yaml in %s or above it: rehearsals need none", dir)
		c.project, err = c.app.openProject(".")
		return err == nil, err
	}
	if !found {
		c.add("project", ill, "go to the project's folder, name it with --project, or make one: youmiflow init", "no youmiflow.yaml in %s or above it", dir)
		if project, err := c.app.openProject("."); err == nil { // a daemon that follows a branch needs none here
			c.project = project
		}
		return false, nil
	}
	config, problems := workflows.LoadProject(dir, c.app.Lookup)
	problems.Sort()
	switch {
	case problems.HasErrors():
		c.add("project", ill, "see all of them: youmiflow validate", "%s: %s", problems.Count(), first(problems))
		return false, nil
	case len(problems) > 0:
		c.add("project", uneasy, "see all of them: youmiflow validate", "%s: %s: %s", config.File, problems.Count(), first(problems))
	default:
		c.add("project", healthy, "", "%s", config.File)
	}
	c.project = &project{dir: dir, config: config, found: true}
	return true, nil
}

// first is the gravest problem of a sorted list, on one line.
func first(problems diagnostic.List) string {
	chosen := problems[0]
	for _, one := range problems {
		if one.Severity == diagnostic.Error {
			chosen = one
			break
		}
	}
	return fmt.Sprintf("line %d: %s", chosen.Span.Line, chosen.Message)
}

// simulated says that there is no connection to look at.
func (c *checkup) simulated() {
	c.add("connection", healthy, "", "the built-in simulator: nobody is messaged")
}

// checkConnection looks its settings and their variables up, and makes a client of them.
func (c *checkup) checkConnection() {
	connection, err := c.project.config.Connection(c.connection)
	if err != nil {
		c.add("connection", ill, "name another with --connection, or add it to youmiflow.yaml", "%v", err)
		return
	}
	settings, err := connection.Resolve()
	if err != nil {
		c.add("connection", ill, "set the variable in the environment or in .env, or the setting in youmiflow.yaml", "%s", sentences(err))
		return
	}
	clients := newClients(c.project, c.app.Version, false)
	if c.client, err = clients.get(c.connection); err != nil {
		c.add("connection", ill, "correct the setting in youmiflow.yaml", "%v", err)
		return
	}
	c.settings = settings
	c.add("connection", healthy, "", "%s, with all its settings: %s", c.connection, settings.BaseURL)
}

// sentences puts an error of many problems on one line.
func sentences(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (c *checkup) checkLimits() {
	if n := len(c.project.config.Limits); n > 0 {
		c.add("limits", healthy, "", "%s shared by all workflows", counted(n, "limit"))
		return
	}
	c.add("limits", uneasy, "add limits to youmiflow.yaml (docs/limits.md): accounts that send too fast are banned", "none is shared by all workflows")
}

// checkLists looks for suppression lists that are not there.
func (c *checkup) checkLists() {
	for _, missing := range c.project.config.MissingLists() {
		c.add("suppress", ill, "make the file, if need be as an empty one, or correct suppress in youmiflow.yaml", "line %d: %s", missing.Line, missing.Message)
	}
}

// requestTimeout bounds each look at the platform.
const requestTimeout = 15 * time.Second
