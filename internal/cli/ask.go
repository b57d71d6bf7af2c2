package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/muesli/cancelreader"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// answering reads what a person types, a line for each that is wanted: whatever else is typed is meant for the shell.
type answering struct {
	wanted  chan struct{}
	lines   chan string // closed when there are no more
	stdin   cancelreader.CancelReader
	stopped chan struct{}
	reading sync.WaitGroup
	restore func()
}

// canAsk reports whether somebody sits there: questions are asked on a terminal only, where they are seen and can be
// answered.
func (a *app) canAsk() bool {
	return !a.quiet && isTerminal(a.Stderr) && isTerminalInput(a.Stdin)
}

// newAnswering prepares to read. A process in the background is to get an error from its terminal, and not to be stopped.
func newAnswering(from io.Reader) (*answering, error) {
	stdin, err := cancelreader.NewReader(from)
	if err != nil {
		return nil, fmt.Errorf("preparing to read answers from the terminal: %w", err)
	}
	l := &answering{wanted: make(chan struct{}, 1), lines: make(chan string), stdin: stdin, stopped: make(chan struct{}),
		restore: readInBackground()}
	l.reading.Go(l.read)
	return l, nil
}

// want has the next line be read.
func (l *answering) want() {
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}

// longestLine bounds what is read of one line.
const longestLine = 4096

func (l *answering) read() {
	defer close(l.lines)
	scanner := bufio.NewScanner(l.stdin)
	scanner.Buffer(make([]byte, 0, 256), longestLine)
	for {
		select {
		case <-l.wanted:
		case <-l.stopped:
			return
		}
		if !scanner.Scan() {
			return // the end, or it cannot be read: there is no answer here
		}
		select {
		case l.lines <- scanner.Text():
		case <-l.stopped:
			return
		}
	}
}

// stop ends the reading and waits for it.
func (l *answering) stop() error {
	close(l.stopped)
	l.stdin.Cancel()
	l.reading.Wait()
	l.restore()
	return l.stdin.Close()
}

// isTerminalInput reports whether somebody types what is read there.
func isTerminalInput(r io.Reader) bool {
	w, ok := r.(io.Writer)
	return ok && isTerminal(w)
}

// typed are the lines that a person types; while nothing is asked there never are any.
func (n *announcer) typed() <-chan string {
	if n.answers == nil {
		return nil
	}
	return n.answers.lines
}

// stop ends the reading of answers.
func (n *announcer) stop() error {
	if n.answers == nil {
		return nil
	}
	err := n.answers.stop()
	n.answers = nil
	return err
}

// answer takes a typed line as the decision on what is asked at the moment; more is false when no further line can come.
func (n *announcer) answer(ctx context.Context, line string, more bool) error {
	if !more {
		return n.deaf()
	}
	q := n.asked
	if q == nil {
		return nil // it was decided meanwhile
	}
	decision, ok := decisionOf(line)
	if !ok {
		n.app.say("%q is neither y nor n; %s", line, n.prompt(*q))
		n.answers.want()
		return nil
	}
	n.asked = nil
	who, err := n.decide(ctx, *q, decision)
	if errors.Is(err, engine.ErrOver) {
		n.app.say("%s: this was decided meanwhile", q.Text)
		return nil
	}
	if err == nil && who != "" {
		who = " by " + who
	}
	if err == nil {
		n.app.say("%s: %s%s", q.Text, decided(decision), who)
	}
	return err
}

// decisionOf reads an answer.
func decisionOf(line string) (workflows.Decision, bool) {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes", "是":
		return workflows.DecisionApprove, true
	case "n", "no", "否":
		return workflows.DecisionReject, true
	}
	return "", false
}

// deaf has questions be told with the commands that answer them from now on, this one too.
func (n *announcer) deaf() error {
	n.asks = false
	if n.asked != nil {
		n.tell(*n.asked)
		n.asked = nil
	}
	return n.stop()
}

// ask puts the first open question to whoever sits at the terminal, one at a time.
func (n *announcer) ask(open []engine.Question) error {
	if n.asked != nil {
		if slices.ContainsFunc(open, func(q engine.Question) bool { return q.Run == n.asked.Run && q.Step == n.asked.Step }) {
			return nil
		}
		n.app.say("%s: this was decided meanwhile", n.asked.Text)
		n.asked = nil
	}
	for _, q := range open {
		name := q.Run + " " + q.Step
		if n.told[name] {
			continue
		}
		if n.answers == nil {
			var err error
			if n.answers, err = newAnswering(n.app.Stdin); err != nil {
				return err
			}
		}
		n.told[name], n.asked = true, &q
		n.app.say("the run waits for a person: %s%s\n%s", q.Text, n.app.limitOf(q), n.prompt(q))
		n.answers.want()
		return nil
	}
	return nil
}

func (n *announcer) prompt(q engine.Question) string {
	return fmt.Sprintf("approve? type y or n (or answer later: %s)", n.hint("youmiflow runs approve|reject "+q.Run+" "+q.Step))
}
