// Command youmiflow runs messaging campaigns and bulk jobs that are written as YAML. See internal/cli for its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // Windows and slim containers have no zone database of their own

	"youmiflow/internal/cli"
)

// version is set by the linker (see the Makefile).
var version = ""

func main() {
	if os.Getenv("GOGC") == "" {
		// The live heap is small, some 10 MB whatever the audience: collecting half as often costs little memory.
		debug.SetGCPercent(200)
	}
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Lookup: os.LookupEnv,
		Interrupts: interrupts, Hangups: hangups, Version: versionName(),
	}))
}

// hangups takes SIGHUP, which otherwise ends a process: only who asks for it goes on when its terminal is closed.
func hangups() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// versionName is the linker's version, else what the build knows of itself.
func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
