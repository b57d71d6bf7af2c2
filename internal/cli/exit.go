package cli

import (
	"context"
	"errors"
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web/result"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// The exit codes, as docs/exit-codes.md explains them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitInvalid = 3
	exitPartial = 4
	exitStopped = 5
)

// exit is an error with the code that the process ends with.
type exit struct {
	code   int
	cause  error
	silent bool // everything has been said already
}

func (e *exit) Error() string { return e.cause.Error() }
func (e *exit) Unwrap() error { return e.cause }

func usage(format string, arguments ...any) error {
	return &exit{code: exitUsage, cause: fmt.Errorf(format, arguments...)}
}

func invalid(format string, arguments ...any) error {
	return &exit{code: exitInvalid, cause: fmt.Errorf(format, arguments...)}
}

// silently ends with a code after the command itself has said why.
func silently(code int, why string) error {
	return &exit{code: code, cause: errors.New(why), silent: true}
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var stop *exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &stop):
		return stop.code
	case errors.Is(err, context.Canceled):
		return exitStopped
	}
	if code, known := clientExit(err); known {
		return code
	}
	switch {
	case errors.As(err, new(*workflows.ParamError)), errors.Is(err, engine.ErrNotFound), errors.As(err, new(*engine.StateError)):
		return exitUsage
	case errors.As(err, new(diagnostic.List)), errors.As(err, new(*ledger.VersionError)), errors.As(err, new(*ledger.FileError)), errors.As(err, new(*ledger.CopyError)),
		errors.As(err, new(*youmi.TokenError)), errors.Is(err, youmi.ErrNoBaseURL), ledger.Damaged(err):
		return exitInvalid
	}
	return exitFailed
}

// runExit is the code for how a run ended.
func runExit(run result.Run) int {
	switch run.Status {
	case engine.StatusSucceeded:
		if run.Takeovers.Stuck > 0 {
			return exitPartial // somebody has to look at the conversations that are left
		}
		return exitDone
	case engine.StatusPartial:
		return exitPartial
	case engine.StatusPaused, engine.StatusPending:
		return exitStopped
	}
	if run.Error != nil && run.Calls.Succeeded+run.Calls.Unknown == 0 {
		switch run.Error.Code {
		case "audience", "workflow", "params", "expression", "input":
			return exitInvalid // the file, the audience or the configuration is at fault, and nothing was sent
		}
	}
	return exitFailed
}
