package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"youmiflow/internal/ledger"
	"youmiflow/workflows"
)

// ownRetry is the pause between two tries to become the ledger's owner.
const ownRetry = 200 * time.Millisecond

// turn is the wait of a daemon for the process before it to let go of the ledger, and of the address.
type turn struct {
	app      *app
	database string
	last     *time.Timer
	said     bool
}

// awaitTurn bounds the wait. An end belongs to it.
func (a *app) awaitTurn(project *project, wait time.Duration) *turn {
	database, err := project.database()
	if err != nil {
		database = "" // whoever opens it says so
	}
	return &turn{app: a, database: database, last: time.NewTimer(wait)}
}

func (t *turn) end() { t.last.Stop() }

// starting is for how many tries an address that is in use is waited for while nobody works on the ledger: a daemon that has just
// been started has the address first.
const starting = 15

// listen opens where the daemon listens, with its certificate where it has one. An address that is in use is waited for while
// somebody works on the ledger: a daemon, and this one comes after it.
func (t *turn) listen(ctx context.Context, address string, server workflows.Server) (net.Listener, *certificate, error) {
	for nobody := 0; ; {
		listener, certificate, err := t.app.openListener(ctx, address, server)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return listener, certificate, err
		}
		if nobody++; t.owner() != 0 {
			nobody = 0
		}
		if nobody > starting { // another program has it
			return nil, nil, err
		}
		if problem := t.rest(ctx, t.app.Interrupts); problem != nil {
			if nobody > 0 && exitCode(problem) == exitFailed {
				problem = err
			}
			return nil, nil, problem
		}
	}
}

func (t *turn) owner() int {
	if t.database == "" {
		return 0
	}
	return ledger.Owner(t.database)
}

// rest waits for the next try. It fails once that is to be given up.
func (t *turn) rest(ctx context.Context, interrupts <-chan os.Signal) error {
	pid := t.owner()
	if !t.said && pid != 0 {
		t.said = true
		t.app.say("process %d works on this ledger; waiting for it to end", pid)
	}
	again := time.NewTimer(ownRetry)
	defer again.Stop()
	select {
	case <-again.C:
		return nil
	case <-interrupts:
	case <-ctx.Done():
	case <-t.last.C:
		return &exit{code: exitFailed, cause: fmt.Errorf("process %d works on the ledger %s: stop it first, or set another `database`",
			pid, strings.TrimPrefix(t.database, "sqlite://"))}
	}
	return silently(exitStopped, "interrupted")
}
