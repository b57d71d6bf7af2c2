package cli_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"youmiflow/internal/cli"
)

// TestMain makes the test binary the command: scripts, and tests that start processes, find it as youmiflow.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"youmiflow": command})
}

// command does what cmd/youmiflow does.
func command() {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Lookup: os.LookupEnv,
		Interrupts: interrupts, Hangups: hangups, Version: "v0.0.0-test",
	}))
}

func hangups() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
