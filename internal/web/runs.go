package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// Steering is what people do with runs.
type Steering interface {
	Pause(ctx context.Context, run string) error
	Resume(ctx context.Context, run string) error
	Cancel(ctx context.Context, run string) error
	Decide(ctx context.Context, run, step string, decision workflows.Decision, who, note string) error
	// SettleByChat reads the chats of a run's unknown calls back. An *engine.ChatError says that the platform does not let it.
	SettleByChat(ctx context.Context, run engine.Run, who string) (engine.Settlement, error)
	// SettleItem settles one item as a person says. engine.ErrNotUnknown when there is nothing to settle.
	SettleItem(ctx context.Context, item engine.Item, sent bool, who string) (engine.Settlement, error)
	// SettleAll settles everything that is unknown of a run as a person says.
	SettleAll(ctx context.Context, run engine.Run, sent bool, who string) (engine.Settlement, error)
	// Reports are the files to which a run has written what became of its rows.
	Reports(ctx context.Context, run engine.Run) ([]string, error)
}

// decisionBody is how a person decides what a run asks.
type decisionBody struct {
	Step string `json:"step,omitempty" jsonschema:"which step asks; only needed when several do"`
	Note string `json:"note,omitempty" jsonschema:"why; kept with the decision"`
}

// none is a body without anything in it.
type none struct{}

func (s *Server) runRoutes() []route {
	id := func(method, path, id, summary string, role workflows.Role, a action, query ...parameter) route {
		problems := []code{codeNotFound}
		if method != http.MethodGet {
			problems = append(problems, codeState)
		}
		return route{method: method, path: "/runs/{run}" + path, id: id, tag: "runs", summary: summary, role: role, action: a, query: query, problems: problems}
	}
	get, post := http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "/runs", id: "listRuns", tag: "runs", summary: "Runs, newest first", role: workflows.RoleViewer, action: listing(s.listRuns),
			query: []parameter{textParameter("workflow", "Only runs of this workflow."), statusParameter(), sandboxParameter()}},
		id(get, "", "getRun", "One run, with what it waits for. For {run}, `last` is the newest", workflows.RoleViewer, giving(s.getRun)),
		id(get, "/items", "listItems", "What became of every recipient", workflows.RoleViewer, listing(s.listItems), statusParameter()),
		id(get, "/calls", "listCalls", "Every API call of a run", workflows.RoleViewer, listing(s.listCalls)),
		id(get, "/events", "watchRun", "The run as it goes on, as server-sent events", workflows.RoleViewer,
			action{write: s.watchRun, answer: typeOf[result.Run](), status: http.StatusOK, streams: true}),
		id(post, "/pause", "pauseRun", "Stop a run in order; it can be resumed", workflows.RoleOperator, taking(http.StatusAccepted, s.steer("pause", s.config.Steering.Pause))),
		id(post, "/resume", "resumeRun", "Go on with a run that was stopped or interrupted", workflows.RoleOperator, taking(http.StatusAccepted, s.steer("resume", s.config.Steering.Resume))),
		id(post, "/cancel", "cancelRun", "End a run for good: what was begun is finished in order", workflows.RoleOperator, taking(http.StatusAccepted, s.steer("cancel", s.config.Steering.Cancel))),
		id(post, "/approve", "approveRun", "Say yes to what a run asks", workflows.RoleOperator, taking(http.StatusOK, s.decide(workflows.DecisionApprove))),
		id(post, "/reject", "rejectRun", "Say no to what a run asks", workflows.RoleOperator, taking(http.StatusOK, s.decide(workflows.DecisionReject))),
		s.settling(),
	}
}

// listRuns answers with runs; a cursor is the id of the last one of the page before.
func (s *Server) listRuns(r *request, asked page) (list[result.Run], error) {
	statuses, err := readStatuses(r)
	if err != nil {
		return list[result.Run]{}, err
	}
	filter := engine.RunFilter{Workflow: r.URL.Query().Get("workflow"), Statuses: statuses, Limit: asked.limit + 1}
	if filter.Sandbox, err = readSandbox(r); err != nil {
		return list[result.Run]{}, err
	}
	if err := asked.position(&filter.Before); err != nil {
		return list[result.Run]{}, err
	}
	if filter.Before != "" { // behind a run that there is not, nothing would be found
		if _, err := s.config.Ledger.Run(r.Context(), filter.Before); errors.Is(err, engine.ErrNotFound) {
			return list[result.Run]{}, refuse(codeQuery, "cursor: the run that it stands for was forgotten: begin at the first page")
		} else if err != nil {
			return list[result.Run]{}, err
		}
	}
	runs, err := s.config.Ledger.Runs(r.Context(), filter)
	if err != nil {
		return list[result.Run]{}, err
	}
	return part(runs, asked.limit, func(run engine.Run) (result.Run, error) { return result.OfRun(run), nil },
		func(run engine.Run) any { return run.ID })
}

// run finds the run that a request names.
func (s *Server) run(r *request) (engine.Run, error) {
	id := r.PathValue("run")
	if id != "last" {
		return s.config.Ledger.Run(r.Context(), id)
	}
	filter := engine.RunFilter{Limit: 100}
	for {
		runs, err := s.config.Ledger.Runs(r.Context(), filter)
		if err != nil {
			return engine.Run{}, err
		}
		if own := slices.IndexFunc(runs, func(run engine.Run) bool { return run.Parent == nil }); own >= 0 {
			return runs[own], nil
		}
		if len(runs) == 0 {
			return engine.Run{}, refuse(codeNotFound, "nothing was run yet")
		}
		filter.Before = runs[len(runs)-1].ID
	}
}

func (s *Server) getRun(r *request) (result.Run, error) {
	run, err := s.run(r)
	if err != nil {
		return result.Run{}, err
	}
	return s.show(r.Context(), run)
}

// show is a run with what it waits for, and what failed in its finally.
func (s *Server) show(ctx context.Context, run engine.Run) (result.Run, error) {
	stands, err := engine.Standstills(ctx, s.config.Ledger, run)
	if err != nil {
		return result.Run{}, err
	}
	shown := result.OfRun(run)
	shown.Waiting = result.OfStandstills(stands)
	failed, err := engine.FailedAfterwards(ctx, s.config.Ledger, run)
	shown.Afterwards = result.OfAfterwards(failed)
	return shown, err
}

func (s *Server) listItems(r *request, asked page) (list[result.Item], error) {
	statuses, err := readStatuses(r)
	if err != nil {
		return list[result.Item]{}, err
	}
	run, err := s.run(r)
	if err != nil {
		return list[result.Item]{}, err
	}
	filter := engine.ItemFilter{Run: run.ID, Statuses: statuses, Root: !run.Foreach, Limit: asked.limit + 1}
	if err := asked.position(&filter.AfterID); err != nil {
		return list[result.Item]{}, err
	}
	var items []engine.Item
	for item, err := range s.config.Ledger.Items(r.Context(), filter) {
		if err != nil {
			return list[result.Item]{}, err
		}
		items = append(items, item)
	}
	return part(items, asked.limit, func(item engine.Item) (result.Item, error) {
		return result.OfItem(r.Context(), s.config.Ledger, item)
	}, func(item engine.Item) any { return item.ID })
}

// callCursor says how many calls of an item a page has ended with.
type callCursor struct {
	Item int64
	Seen int
}

func (s *Server) listCalls(r *request, asked page) (list[result.CallInFull], error) {
	run, err := s.run(r)
	if err != nil {
		return list[result.CallInFull]{}, err
	}
	var from callCursor
	if err := asked.position(&from); err != nil {
		return list[result.CallInFull]{}, err
	}
	type numbered struct {
		engine.Call
		number int // within its item
	}
	var calls []numbered
	var last callCursor
	for call, err := range s.config.Ledger.Calls(r.Context(), engine.CallFilter{Run: run.ID, AfterItem: max(from.Item-1, 0)}) {
		if err != nil {
			return list[result.CallInFull]{}, err
		}
		if call.Item != last.Item {
			last = callCursor{Item: call.Item}
		}
		last.Seen++
		if call.Item == from.Item && last.Seen <= from.Seen {
			continue
		}
		if calls = append(calls, numbered{call, last.Seen}); len(calls) > asked.limit {
			break
		}
	}
	return part(calls, asked.limit, func(call numbered) (result.CallInFull, error) { return result.OfCallInFull(call.Call), nil },
		func(call numbered) any { return callCursor{call.Item, call.number} })
}

// steer is an action that asks for something of a run, and answers with the run as it is then.
func (s *Server) steer(word string, ask func(context.Context, string) error) func(*request, none) (result.Run, error) {
	return func(r *request, _ none) (result.Run, error) {
		run, err := s.run(r)
		if err != nil {
			return result.Run{}, err
		}
		if err := ask(r.Context(), run.ID); err != nil {
			return result.Run{}, err
		}
		if err := s.audit(r, word, run.ID, ""); err != nil {
			return result.Run{}, err
		}
		return s.again(r, run.ID)
	}
}

// again is a run after something was done with it.
func (s *Server) again(r *request, id string) (result.Run, error) {
	run, err := s.config.Ledger.Run(r.Context(), id)
	if err != nil {
		return result.Run{}, err
	}
	return s.show(r.Context(), run)
}

// decide is an action by which a person decides what a run, or one that it has called, asks.
func (s *Server) decide(decision workflows.Decision) func(*request, decisionBody) (result.Run, error) {
	return func(r *request, body decisionBody) (result.Run, error) {
		run, err := s.run(r)
		if err != nil {
			return result.Run{}, err
		}
		open, err := engine.OpenQuestions(r.Context(), s.config.Ledger, run.ID)
		if err != nil {
			return result.Run{}, err
		}
		if body.Step != "" {
			open = slices.DeleteFunc(open, func(q engine.Question) bool { return q.Step != body.Step })
		}
		if len(open) != 1 {
			return result.Run{}, undecided(run, body.Step, open)
		}
		err = s.config.Steering.Decide(r.Context(), open[0].Run, open[0].Step, decision, r.who.Name, body.Note)
		if errors.Is(err, engine.ErrOver) {
			return result.Run{}, refuse(codeState, fmt.Sprintf("step %s of run %s does not wait for a decision any more", open[0].Step, open[0].Run))
		}
		if err != nil {
			return result.Run{}, err
		}
		return s.again(r, run.ID)
	}
}

// undecided says why it is not clear what is to be decided.
func undecided(run engine.Run, step string, open []engine.Question) error {
	switch {
	case len(open) > 1:
		steps := make([]string, len(open))
		for i, question := range open {
			steps[i] = question.Step
		}
		return refuse(codeState, fmt.Sprintf("run %s asks several things, say which step: %s", run.ID, strings.Join(steps, ", ")))
	case step != "":
		return refuse(codeState, fmt.Sprintf("run %s is %s and asks nothing at step %s", run.ID, run.Status, step))
	}
	return refuse(codeState, fmt.Sprintf("run %s is %s and asks nothing", run.ID, run.Status))
}

// audit keeps who did what.
func (s *Server) audit(r *request, action, on, note string) error {
	change := engine.AddAudit{At: s.config.Now(), Who: r.who.Name, Action: action, On: on, Note: note}
	// It has been done already: a client that goes away must not keep it out of the audit.
	ctx := context.WithoutCancel(r.Context())
	if err := s.config.Ledger.Append(ctx, engine.Entry{Changes: []engine.Change{change}}).Wait(ctx); err != nil {
		return fmt.Errorf("keeping who did it: %w", err)
	}
	return nil
}
