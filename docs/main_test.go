package docs_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"youmiflow/internal/cli"
)

// TestMain makes the test binary the command: what the guides have a shell do finds it as youmiflow.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"youmiflow": func() {
		interrupts := make(chan os.Signal, 2)
		signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Environment{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			Lookup: os.LookupEnv, Interrupts: interrupts, Version: "v0.0.0-test"}))
	}})
}
