package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// Folder has the workflows as they are now.
type Folder interface{ Snapshot() *folder.Snapshot }

// Project is what people do with workflows.
type Project interface {
	// Validate checks a text as if it stood in the folder under that file name, which is relative to the project's folder
	// and within it.
	Validate(ctx context.Context, file string, source []byte) (diagnostic.List, error)
	// Problems are those of the folder as it is now, by file, with what the project has to say of each workflow. With the
	// name of a workflow they are those of its file; "": of all files.
	Problems(ctx context.Context, workflow string) (diagnostic.List, error)
	// Plan foresees what a run would do. An ID and a Plan are not looked at.
	Plan(ctx context.Context, workflow folder.Loaded, order Order) (result.Plan, error)
	// Submit adds a run. ErrExists when there is one of that id.
	Submit(ctx context.Context, workflow folder.Loaded, order Order) (engine.Run, error)
}

// Order is what a run is to be like.
type Order struct {
	ID     string // "": one is made
	Params map[string]any
	Plan   string       // the digest of the plan that it is bound to; "": none
	Test   *engine.Test // nil: no test send
	// Rehearsal is refused with an *InvalidError by a daemon that works for real.
	Rehearsal bool
	// Samples is how many items a plan shows in full, up to engine.MostPlanSamples; 0: a few.
	Samples int
}

type validateBody struct {
	File   string `json:"file,omitempty" jsonschema:"the file that the text would stand in, relative to the project's folder; problems name it"`
	Source string `json:"source" jsonschema:"the text of the workflow"`
}

type planBody struct {
	Params map[string]any `json:"params,omitempty" jsonschema:"the params of the run, by name"`
	Digest string         `json:"digest,omitempty" jsonschema:"the digest of the workflow's text that is meant: refused when another version is in force"`
	TestTo *testBody      `json:"test_to,omitempty" jsonschema:"plan a test: the messages of a few rows go to this one recipient"`
	// Samples beyond a few are for small lists.
	Samples *int `json:"samples,omitempty" jsonschema:"how many rows are shown with the messages that they get, 1 to 1000; 3 unless given"`
}

type runBody struct {
	Params map[string]any `json:"params,omitempty" jsonschema:"the params of the run, by name"`
	Plan   string         `json:"plan,omitempty" jsonschema:"the digest of a plan: the run is refused when the plan has changed since"`
	Digest string         `json:"digest,omitempty" jsonschema:"the digest of the workflow's text that is meant: refused when another version is in force"`
	TestTo *testBody      `json:"test_to,omitempty" jsonschema:"a test: the messages of a few rows go to this one recipient, and nothing to anybody else"`
	// Sandbox keeps who means a rehearsal from messaging anybody.
	Sandbox bool `json:"sandbox,omitempty" jsonschema:"true: refused unless the daemon works against the built-in simulator"`
}

type testBody struct {
	Account string `json:"account"`
	Friend  string `json:"friend"`
	Rows    *int   `json:"rows,omitempty" jsonschema:"of each foreach, 1 to 100; 3 unless given"`
}

// mostTestRows keeps a test a test: its recipient is one person.
const mostTestRows = 100

// idempotencyKey is the header by which a client says that two requests are the same one.
const idempotencyKey = "Idempotency-Key"

func (s *Server) workflowRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "/workflows", id: "listWorkflows", tag: "workflows", summary: "The workflows of the folder, by name", role: workflows.RoleViewer, action: whole(s.listWorkflows)},
		{method: get, path: "/workflows/{workflow}", id: "getWorkflow", tag: "workflows", summary: "One workflow with its text and its problems", role: workflows.RoleViewer, action: giving(s.getWorkflow),
			problems: []code{codeNotFound}},
		{method: post, path: "/workflows/{workflow}/plan", id: "planWorkflow", tag: "workflows", summary: "Every call before any is made: nothing is sent, nothing is kept", role: workflows.RoleOperator, action: taking(http.StatusOK, s.plan),
			problems: []code{codeNotFound, codeParams, codeAudience, codeInvalid}},
		{method: post, path: "/workflows/{workflow}/runs", id: "runWorkflow", tag: "workflows", summary: "Run a workflow now", role: workflows.RoleOperator,
			query: []parameter{keyParameter()}, action: taking(http.StatusCreated, s.submit),
			problems: []code{codeHeader, codeNotFound, codeConflict, codeParams, codeAudience, codeInvalid, codePlatform}},
		{method: get, path: "/validate", id: "listProblems", tag: "workflows", summary: "Check the workflows of the folder as they are now: every problem at once, with its place", role: workflows.RoleViewer,
			query: []parameter{textParameter("workflow", "Only those of this workflow's file.")}, action: whole(s.problems), problems: []code{codeNotFound}},
		{method: post, path: "/validate", id: "validate", tag: "workflows", summary: "Check the text of a workflow: every problem at once, with its place", role: workflows.RoleViewer,
			action: taking(http.StatusOK, s.validate), problems: []code{codeInvalid}},
	}
}

func (s *Server) listWorkflows(*request) ([]result.Workflow, error) {
	var all []result.Workflow
	for _, loaded := range s.config.Folder.Snapshot().Workflows {
		all = append(all, result.OfWorkflow(loaded))
	}
	return all, nil
}

// workflow finds the one that a request names, as it may be run.
func (s *Server) workflow(r *request) (folder.Loaded, *folder.Snapshot, error) {
	return s.find(r.PathValue("workflow"))
}

func (s *Server) find(name string) (folder.Loaded, *folder.Snapshot, error) {
	snapshot := s.config.Folder.Snapshot()
	loaded, found := snapshot.Find(name)
	if !found {
		hint := ""
		if near := diagnostic.Suggest(name, names(snapshot)); near != "" {
			hint = " (did you mean " + near + "?)"
		}
		return loaded, snapshot, refuse(codeNotFound, "there is no workflow "+name+hint)
	}
	return loaded, snapshot, nil
}

func names(snapshot *folder.Snapshot) []string {
	var all []string
	for _, loaded := range snapshot.Workflows {
		all = append(all, loaded.Name)
	}
	return all
}

func (s *Server) getWorkflow(r *request) (result.WorkflowInFull, error) {
	loaded, snapshot, err := s.workflow(r)
	if err != nil {
		return result.WorkflowInFull{}, err
	}
	source, err := snapshot.Source(loaded.File)
	if err != nil && loaded.Workflow != nil {
		source = loaded.Workflow.Source // its file is gone or cannot be read
	}
	return result.OfWorkflowInFull(loaded, source), nil
}

// runnable is a workflow that has a version to run: the one of the digest, unless that is "".
func (s *Server) runnable(r *request, digest string) (folder.Loaded, error) {
	loaded, _, err := s.workflow(r)
	if err != nil {
		return loaded, err
	}
	if loaded.Workflow == nil {
		return loaded, loaded.Problems // it has never been valid
	}
	if digest != "" && digest != loaded.Digest() {
		return loaded, &InvalidError{fmt.Errorf("another text of %s is in force: %s, not %s; look at it again", loaded.Name, loaded.Digest(), digest)}
	}
	return loaded, nil
}

func (s *Server) plan(r *request, body planBody) (result.Plan, error) {
	test, err := body.TestTo.test()
	if err != nil {
		return result.Plan{}, err
	}
	samples, within := upTo(engine.MostPlanSamples, body.Samples)
	if !within {
		return result.Plan{}, refuse(codeBody, fmt.Sprintf("samples: write 1 to %d", engine.MostPlanSamples))
	}
	loaded, err := s.runnable(r, body.Digest)
	if err != nil {
		return result.Plan{}, err
	}
	return s.config.Project.Plan(r.Context(), loaded, Order{Params: body.Params, Test: test, Samples: samples})
}

func (s *Server) problems(r *request) ([]diagnostic.Diagnostic, error) {
	name := r.URL.Query().Get("workflow")
	if name != "" {
		if _, _, err := s.find(name); err != nil {
			return nil, err
		}
	}
	return s.config.Project.Problems(r.Context(), name)
}

func (s *Server) validate(r *request, body validateBody) (diagnostic.List, error) {
	if body.File == "" {
		body.File = "workflow.yaml"
	}
	if !filepath.IsLocal(body.File) {
		return nil, &InvalidError{fmt.Errorf("file %q: write it relative to the project's folder", body.File)}
	}
	problems, err := s.config.Project.Validate(r.Context(), body.File, []byte(body.Source))
	if problems == nil {
		problems = diagnostic.List{}
	}
	return problems, err
}

// submit adds a run, once for each key of a token.
func (s *Server) submit(r *request, body runBody) (result.Run, error) {
	order, err := body.order()
	if err != nil {
		return result.Run{}, err
	}
	if order.ID, err = keyOf(r); err != nil {
		return result.Run{}, err
	}
	if shown, there, err := s.repeated(r, order.ID, order.made); there || err != nil {
		return shown, err
	}
	loaded, err := s.runnable(r, body.Digest)
	if err != nil {
		return result.Run{}, err
	}
	run, err := s.config.Project.Submit(r.Context(), loaded, order)
	if err != nil {
		return s.meanwhile(r, order.ID, order.made, err)
	}
	if err := s.audit(r, "run", run.ID, loaded.Name); err != nil {
		return result.Run{}, err
	}
	return s.again(r, run.ID)
}

// made reports whether a run is one that this order asks for. One that was triggered is not.
func (o Order) made(run engine.Run) bool {
	sameParams := len(run.Params) == len(o.Params) && (len(o.Params) == 0 || reflect.DeepEqual(run.Params, o.Params))
	sameTest := (run.Test == nil) == (o.Test == nil) &&
		(o.Test == nil || run.Test.Account == o.Test.Account && run.Test.Friend == o.Test.Friend)
	return run.Request == "" && sameParams && sameTest && run.Plan == o.Plan && (!o.Rehearsal || run.Sandbox)
}

// repeated answers a request whose key has started a run before, when it asks for the same; there is false when its key, or
// "" for none, has started nothing.
func (s *Server) repeated(r *request, id string, same func(engine.Run) bool) (shown result.Run, there bool, err error) {
	if id == "" {
		return shown, false, nil
	}
	before, err := s.config.Ledger.Run(r.Context(), id)
	if errors.Is(err, engine.ErrNotFound) {
		return shown, false, nil
	}
	if err != nil {
		return shown, false, err
	}
	if !same(before) {
		return shown, true, refuse(codeConflict, idempotencyKey+": run "+before.ID+" was started by that key, and asked for something else: use another key")
	}
	shown, err = s.show(r.Context(), before)
	return shown, true, err
}

// meanwhile answers a request whose run could not be added: a request of the same key at the same time may have been first,
// and its run is in the way then.
func (s *Server) meanwhile(r *request, id string, same func(engine.Run) bool, refused error) (result.Run, error) {
	if errors.Is(refused, engine.ErrExists) || errors.Is(refused, engine.ErrBusy) {
		if shown, there, err := s.repeated(r, id, same); there || err != nil {
			return shown, err
		}
	}
	return result.Run{}, refused
}

const maxKey = 200

// keyOf is the id of the run of a workflow that the key of a request stands for, however it is started; "" without a key.
func keyOf(r *request) (string, error) {
	key := r.Header.Get(idempotencyKey)
	if len(key) > maxKey {
		return "", refuse(codeHeader, idempotencyKey+" has more than 200 characters")
	}
	if key == "" {
		return "", nil
	}
	return keyedID(r.who.Name, r.PathValue("workflow"), key), nil
}

// keyParameter is that header.
func keyParameter() parameter {
	return parameter{name: idempotencyKey, header: true, about: "Any text of up to 200 characters. A second request of the same token with the same key for the same workflow starts nothing: it is answered with the run of the first, or refused when it asks for something else.",
		schema: map[string]any{"type": "string", "maxLength": maxKey}}
}

// keyedID is the id of the run that a key stands for. It does not sort by time as others do.
func keyedID(who, workflow, key string) string {
	sum := sha256.Sum256([]byte(who + "\x00" + workflow + "\x00" + key))
	return "key-" + hex.EncodeToString(sum[:12])
}

func (b runBody) order() (Order, error) {
	test, err := b.TestTo.test()
	return Order{Params: b.Params, Plan: b.Plan, Test: test, Rehearsal: b.Sandbox}, err
}

// test is nil for none.
func (b *testBody) test() (*engine.Test, error) {
	if b == nil {
		return nil, nil
	}
	rows, within := upTo(mostTestRows, b.Rows)
	if b.Account == "" || b.Friend == "" || !within {
		return nil, refuse(codeBody, "test_to: write the account, the friend, and 1 to 100 rows")
	}
	return &engine.Test{Account: b.Account, Friend: b.Friend, Rows: rows}, nil
}

// upTo is a number of a body, which is to be 1 to most; 0 when none is given.
func upTo(most int, given *int) (n int, within bool) {
	if given == nil {
		return 0, true
	}
	return *given, 1 <= *given && *given <= most
}

// nextFrom is the time to count instants from: one at that very time is to come.
func nextFrom(at time.Time) time.Time { return at.Add(-time.Nanosecond) }
