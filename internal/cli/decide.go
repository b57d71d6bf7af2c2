package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/workflows"
)

func (a *app) runsApprove() *cobra.Command {
	return a.deciding("approve", "Say yes to what a run asks", workflows.DecisionApprove)
}

func (a *app) runsReject() *cobra.Command {
	return a.deciding("reject", "Say no to what a run asks", workflows.DecisionReject)
}

// deciding is a command by which a person decides what a run waits for.
func (a *app) deciding(word, short string, decision workflows.Decision) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use:   word + " RUN [STEP]",
		Short: short,
		Long: short + `. The step is only needed when the run asks several things at once;
"runs show RUN" says what it asks. Who decided, and when, is kept with the run.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, arguments []string) error {
			step := slices.Concat(arguments[1:], []string{""})[0]
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.decide(ctx, arguments[0], step, decision, note) }, func() error {
				return a.controlling(c, arguments[0], nil, func(ctx context.Context, s *session, run engine.Run) error {
					return s.decide(ctx, run, step, decision, note)
				})
			})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why; kept with the decision")
	a.oneOutputFlag(c)
	return c
}

// decide keeps a person's decision on the question of a run, or of one that it has called.
func (s *session) decide(ctx context.Context, run engine.Run, step string, decision workflows.Decision, note string) error {
	open, err := engine.OpenQuestions(ctx, s.ledger, run.ID)
	if err != nil {
		return err
	}
	question, err := chooseQuestion(run, open, step)
	if err != nil {
		return err
	}
	who := person(s.app.Lookup)
	err = s.engine.Decide(ctx, question.Run, question.Step, decision, who, note)
	if errors.Is(err, engine.ErrOver) {
		return usage("step %s of run %s does not wait for a decision any more; see: youmiflow runs show %s", question.Step, question.Run, question.Run)
	}
	if err != nil {
		return err
	}
	s.app.say("%s: %s by %s", question.Text, decided(decision), who)
	now, err := s.ledger.Run(ctx, run.ID)
	if err != nil {
		return err
	}
	if !now.Status.Over() && now.Status != engine.StatusPaused {
		s.app.abandoned(ctx, s.ledger, now)
	}
	return s.app.showRun(ctx, s.ledger, now)
}

func decided(decision workflows.Decision) string {
	if decision == workflows.DecisionApprove {
		return "approved"
	}
	return "rejected"
}

// chooseQuestion finds what is to be decided.
func chooseQuestion(run engine.Run, open []engine.Question, step string) (engine.Question, error) {
	matching := open
	if step != "" {
		matching = slices.DeleteFunc(slices.Clone(open), func(q engine.Question) bool { return q.Step != step })
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) == 0 && len(open) == 0:
		return engine.Question{}, usage("run %s is %s and asks nothing", run.ID, run.Status)
	case len(matching) == 0:
		return engine.Question{}, usage("run %s asks nothing at step %s; it asks:\n%s", run.ID, step, listQuestions(open))
	}
	return engine.Question{}, usage("run %s asks several things, say which:\n%s", run.ID, listQuestions(matching))
}

func listQuestions(open []engine.Question) string {
	lines := make([]string, len(open))
	for i, q := range open {
		lines[i] = fmt.Sprintf("  %s %s: %s", q.Run, q.Step, q.Text)
	}
	return strings.Join(lines, "\n")
}

// person is who decides: the operating system's user.
func person(lookup func(string) (string, bool)) string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return current.Username
	}
	for _, name := range []string{"USER", "USERNAME"} {
		if value, ok := lookup(name); ok && value != "" {
			return value
		}
	}
	return fmt.Sprintf("user %d", os.Getuid())
}

// announcer tells who watches a run what it asks, each question once; on a terminal it asks them.
type announcer struct {
	app  *app
	hint func(command string) string
	// decide keeps a decision, and says who is taken to have made it, or "". engine.ErrOver: it was decided meanwhile.
	decide  func(context.Context, engine.Question, workflows.Decision) (who string, err error)
	next    time.Time
	open    []engine.Question // that it knows of
	told    map[string]bool
	asks    bool             // on a terminal
	answers *answering       // nil: nothing was asked yet
	asked   *engine.Question // whose answer is awaited; nil: none
}

func (a *app) newAnnouncer(hint func(string) string, decide func(context.Context, engine.Question, workflows.Decision) (string, error)) *announcer {
	return &announcer{app: a, hint: hint, decide: decide, told: map[string]bool{}, asks: a.canAsk()}
}

func (s *session) newAnnouncer() *announcer {
	return s.app.newAnnouncer(s.project.hint, func(ctx context.Context, q engine.Question, decision workflows.Decision) (string, error) {
		who := person(s.app.Lookup)
		return who, s.engine.Decide(ctx, q.Run, q.Step, decision, who, "")
	})
}

// announceEvery is how often a run is asked for its questions.
const announceEvery = 500 * time.Millisecond

func (n *announcer) look(ctx context.Context, l *ledger.Ledger, run engine.Run) error {
	if run.Status != engine.StatusRunning {
		n.open = nil
		return nil
	}
	if time.Now().Before(n.next) {
		return nil
	}
	n.next = time.Now().Add(announceEvery)
	open, err := engine.OpenQuestions(ctx, l, run.ID)
	if err != nil {
		return err
	}
	return n.announce(open)
}

// announce tells of the questions that are open, or asks them.
func (n *announcer) announce(open []engine.Question) error {
	n.open = open
	if n.asks {
		return n.ask(open)
	}
	for _, q := range open {
		if name := q.Run + " " + q.Step; !n.told[name] {
			n.told[name] = true
			n.tell(q)
		}
	}
	return nil
}

func (n *announcer) tell(q engine.Question) {
	arguments := q.Run + " " + q.Step
	n.app.say("the run waits for a person: %s%s\n  yes: %s\n  no:  %s", q.Text, n.app.limitOf(q),
		n.hint("youmiflow runs approve "+arguments), n.hint("youmiflow runs reject "+arguments))
}

// limitOf says until when a question can be answered, and what counts then.
func (a *app) limitOf(q engine.Question) string {
	if q.Until.IsZero() {
		return ""
	}
	if q.Default == "" { // whoever tells of the question does not say
		return fmt.Sprintf(" (until %s)", a.zone.moment(q.Until))
	}
	return fmt.Sprintf(" (until %s, then it counts as %s)", a.zone.moment(q.Until), decided(q.Default))
}
