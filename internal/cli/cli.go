// Package cli is the youmiflow command: one file per command, and the only place where the floors below are wired
// together. It may import all of them.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/ledger"
	"youmiflow/internal/metrics"
	"youmiflow/internal/redact"
	"youmiflow/internal/telemetry"
)

// Environment is what the command has of the world around it.
type Environment struct {
	Stdin io.Reader
	// Stdout and Stderr need not be safe for concurrent use.
	Stdout, Stderr io.Writer
	// Lookup reads an environment variable.
	Lookup func(string) (string, bool)
	// Hangups brings the signals by which somebody asks for the configuration to be read again, from when it is called until
	// stop is. Nil: there are none.
	Hangups func() (hangups <-chan os.Signal, stop func())
	// Interrupts brings the signals by which a person or a supervisor asks the process to stop.
	Interrupts <-chan os.Signal
	// Version is that of the binary.
	Version string
}

// app is the command with what its subcommands share.
type app struct {
	Environment
	output  string            // --output
	quiet   bool              // --quiet
	verbose bool              // --verbose
	project string            // --project
	server  string            // --server
	sandbox bool              // --sandbox of commands about what was done
	copied  bool              // the ledger that was read is a backup which nobody has accepted: nothing of it can go on
	log     logFlags          // of a daemon
	metrics *metrics.Metrics  // of a daemon; nil: nobody counts
	traces  *telemetry.Traces // of a daemon; nil: nobody watches
	hide    *redact.Redactor  // hides the secrets of the project that is open
	zone    zone              // of that project, in which people read times
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, arguments []string, environment Environment) int {
	a := &app{Environment: environment}
	a.Stdout, a.Stderr = inTurn(a.Stdout), inTurn(a.Stderr)
	root := a.root()
	root.SetArgs(arguments)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := root.ExecuteContext(ctx)
	var stop *exit
	if err != nil && (!errors.As(err, &stop) || !stop.silent) {
		a.complain(err)
	}
	return exitCode(err)
}

// complain says what went wrong; problems that have a place are all printed, each at its place.
func (a *app) complain(err error) {
	var list diagnostic.List
	if a.structured() {
		if errors.As(err, &list) {
			a.recordProblems(list)
		}
		message := "it cannot go on"
		if errors.As(err, new(*lateStop)) {
			message = "not everything was finished in time"
		}
		a.logger().Error(message, "error", err, "exit", exitCode(err))
		return
	}
	if !errors.As(err, &list) {
		fmt.Fprintf(a.Stderr, "youmiflow: %v\n", a.hide.Error(err))
		if ledger.Damaged(err) && !errors.As(err, new(*ledger.FileError)) {
			fmt.Fprintln(a.Stderr, "the ledger is damaged: restore it from a backup; what was sent since that was made is then to be looked up")
		}
		return
	}
	a.printDiagnostics(list)
	fmt.Fprintf(a.Stderr, "youmiflow: %s, and nothing was done\n", list.Count())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "youmiflow",
		Short: "Campaigns and bulk jobs for the Youmi open API, written as YAML",
		Long: `youmiflow runs customer-messaging campaigns and bulk jobs that are written as YAML
files: never faster than the limits allow, no message twice, and an answer for every
recipient afterwards.

Start with:  youmiflow init my-campaigns`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&a.quiet, "quiet", false, "print results only, no progress")
	flags.BoolVar(&a.verbose, "verbose", false, "print what the engine logs")
	flags.StringVar(&a.project, "project", "", "the project folder, where youmiflow.yaml is (default: found from the file or the current folder upwards)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v\nSee: %s --help", err, c.CommandPath())
	})
	root.AddCommand(a.initCommand(), a.validateCommand(), a.planCommand(), a.runCommand(), a.runsCommand(),
		a.serveCommand(), a.scheduleCommand(), a.accountsCommand(), a.notifyCommand(), a.testCommand(), a.stepsCommand(), a.schemaCommand(), a.sandboxCommand(), a.doctorCommand(), a.backupCommand(), a.versionCommand())
	root.InitDefaultCompletionCmd()
	checkArguments(root)
	return root
}

// checkArguments makes wrong arguments of any command a usage error.
func checkArguments(c *cobra.Command) {
	if c.RunE == nil && c.Run == nil { // without one, Cobra prints the help whatever the arguments are
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, arguments []string) error {
			if err := check(c, arguments); err != nil {
				if strings.HasPrefix(err.Error(), "accepts ") {
					return usage("%d arguments do not fit: write %s\nSee: %s --help", len(arguments), c.UseLine(), c.CommandPath())
				}
				return usage("%v\nSee: %s --help", err, c.CommandPath())
			}
			return nil
		}
	}
	for _, child := range c.Commands() {
		checkArguments(child)
	}
}

// outputFlag adds --output to a command whose result is a list; oneOutputFlag is for a single thing, which is no CSV.
func (a *app) outputFlag(c *cobra.Command) {
	a.formats(c, "table", "json", "yaml", "csv")
	a.bomFlag(c)
}

func (a *app) oneOutputFlag(c *cobra.Command) { a.formats(c, "table", "json", "yaml") }

// formats adds --output. It is checked before the command does anything.
func (a *app) formats(c *cobra.Command, known ...string) {
	last := len(known) - 1
	words := strings.Join(known[:last], ", ") + " or " + known[last]
	c.Flags().StringVar(&a.output, "output", "table", "how to print the result: "+words)
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, arguments []string) error {
		if !slices.Contains(known, a.output) {
			return usage("--output %q: use %s", a.output, words)
		}
		if before != nil {
			return before(c, arguments)
		}
		return nil
	}
}

// say prints a message for people, unless they asked for quiet. Where machines read what is said, it is a record of the log.
func (a *app) say(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	switch warning, grave := strings.CutPrefix(text, "warning: "); {
	case a.quiet:
	case !a.structured():
		fmt.Fprintln(a.Stderr, a.hide.Text(text))
	case grave:
		a.logger().Warn(warning)
	default:
		a.logger().Info(strings.TrimSpace(text))
	}
}

// stepLogger prints what the log steps of workflows say.
func (a *app) stepLogger() *slog.Logger {
	if a.quiet {
		return slog.New(slog.DiscardHandler)
	}
	return a.loggerAt(slog.LevelInfo)
}
