package web

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/events"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// Schedules is what people do with triggers. With trigger "" a workflow's only one is meant, or for Pause and Resume all
// of them.
type Schedules interface {
	List(ctx context.Context) ([]result.Schedule, error)
	// Next are the instants after a time, at most count of each trigger.
	Next(ctx context.Context, after time.Time, count int) ([]result.Upcoming, error)
	Pause(ctx context.Context, workflow, trigger, who string) error
	Resume(ctx context.Context, workflow, trigger, who string) error
	// Trigger runs a workflow now, as a trigger of it would. An *engine.SkippedError says that another run is in the way.
	Trigger(ctx context.Context, workflow, trigger string, order TriggerOrder) (engine.Run, error)
	Backfill(ctx context.Context, workflow, trigger string, from, to time.Time) ([]engine.Run, error)
}

// TriggerOrder is what a run is to be like that is triggered by hand.
type TriggerOrder struct {
	ID      string            // of the run; "": one is made
	Request string            // kept with the run, as engine.Run.Request
	Overlap workflows.Overlap // instead of the trigger's; "": the trigger's
	// Rehearsal is refused with an *InvalidError by a daemon that works for real.
	Rehearsal bool
}

// Accounts is what people do with operating accounts.
type Accounts interface {
	List(ctx context.Context) ([]result.Account, error)
	// Trip holds the calls of an account until an instant; zero: until somebody clears it. A connection that there is not is
	// a BadBody.
	Trip(ctx context.Context, connection, account string, until time.Time, reason, who string) error
	Clear(ctx context.Context, connection, account, who string) error
}

// Events has what the platform has pushed.
type Events interface {
	Events(ctx context.Context, filter events.Filter) iter.Seq2[events.Event, error]
}

type tripBody struct {
	Connection string `json:"connection,omitempty" jsonschema:"the connection that the account belongs to; default unless given"`
	Reason     string `json:"reason,omitempty" jsonschema:"why, for whoever looks at it later"`
	For        string `json:"for,omitempty" jsonschema:"how long, such as 2h; without it, until somebody clears the account"`
}

type clearBody struct {
	Connection string `json:"connection,omitempty" jsonschema:"the connection that the account belongs to; default unless given"`
}

type triggerBody struct {
	Trigger string `json:"trigger,omitempty" jsonschema:"the name of the trigger; not needed where the workflow has one only, and for pause and resume, without it all are meant"`
}

type triggerNowBody struct {
	Trigger string `json:"trigger,omitempty" jsonschema:"the name of the trigger; not needed where the workflow has one only"`
	Overlap string `json:"overlap,omitempty" jsonschema:"what happens while another run of the workflow is not over: skip, queue, cancel or allow; as the trigger says unless given"`
	// Sandbox keeps who means a rehearsal from messaging anybody.
	Sandbox bool `json:"sandbox,omitempty" jsonschema:"true: refused unless the daemon works against the built-in simulator"`
}

// order is what is asked for.
func (b triggerNowBody) order() (TriggerOrder, error) {
	order := TriggerOrder{Overlap: workflows.Overlap(b.Overlap), Rehearsal: b.Sandbox}
	if b.Overlap != "" && !slices.Contains(workflows.Overlaps(), order.Overlap) {
		return order, refuse(codeBody, fmt.Sprintf("overlap %q: write skip, queue, cancel or allow", b.Overlap))
	}
	return order, nil
}

// request tells this one from others of the same key: a run says neither which trigger it was, nor what overlap was asked for.
func (b triggerNowBody) request() (string, error) {
	text, err := json.Marshal(struct {
		Trigger string `json:"trigger"`
		Overlap string `json:"overlap,omitempty"`
	}{b.Trigger, b.Overlap})
	return string(text), err
}

type backfillBody struct {
	Trigger string    `json:"trigger,omitempty" jsonschema:"the name of the trigger; not needed where the workflow has one only"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

func (s *Server) scheduleRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	of := func(path, id, summary string, role workflows.Role, a action, problems ...code) route {
		return route{method: post, path: "/schedules/{workflow}" + path, id: id, tag: "schedules", summary: summary, role: role, action: a,
			problems: append(problems, codeNotFound)}
	}
	count := parameter{name: "count", about: "So many of each trigger; 1 unless given.", schema: map[string]any{"type": "integer", "minimum": 1, "maximum": mostInstants}}
	return []route{
		{method: get, path: "/schedules", id: "listSchedules", tag: "schedules", summary: "Every trigger: when it fires next, and what came of it last", role: workflows.RoleViewer,
			action: whole(func(r *request) ([]result.Schedule, error) { return s.config.Schedules.List(r.Context()) })},
		{method: get, path: "/schedules/next", id: "nextInstants", tag: "schedules", summary: "The instants to come, soonest first", role: workflows.RoleViewer,
			query: []parameter{timeParameter("from", "Count from this time; now unless given."), count}, action: whole(s.nextInstants)},
		of("/pause", "pauseSchedule", "Have triggers start nothing until they are resumed", workflows.RoleAdmin, taking(http.StatusNoContent, s.pausing(s.config.Schedules.Pause))),
		of("/resume", "resumeSchedule", "Have paused triggers start runs again", workflows.RoleAdmin, taking(http.StatusNoContent, s.pausing(s.config.Schedules.Resume))),
		{method: post, path: "/schedules/{workflow}/trigger", id: "triggerWorkflow", tag: "schedules", summary: "Run a workflow now, as a trigger of it would", role: workflows.RoleOperator,
			query: []parameter{keyParameter()}, action: taking(http.StatusCreated, s.triggerNow),
			problems: []code{codeHeader, codeNotFound, codeConflict, codeParams, codeInvalid, codePlatform}},
		of("/backfill", "backfill", "Make up for instants that had no run", workflows.RoleAdmin, taking(http.StatusCreated, s.backfill), codeBackfill, codeInvalid),
	}
}

const mostInstants = 1000

func (s *Server) nextInstants(r *request) ([]result.Upcoming, error) {
	from, err := readTime(r, "from", s.config.Now())
	if err != nil {
		return nil, err
	}
	count, err := readNumber(r, "count", 1, mostInstants)
	if err != nil {
		return nil, err
	}
	return s.config.Schedules.Next(r.Context(), nextFrom(from), count)
}

// nothing is no answer.
type nothing struct{}

func (s *Server) pausing(ask func(ctx context.Context, workflow, trigger, who string) error) func(*request, triggerBody) (nothing, error) {
	return func(r *request, body triggerBody) (nothing, error) {
		return nothing{}, ask(r.Context(), r.PathValue("workflow"), body.Trigger, r.who.Name)
	}
}

func (s *Server) triggerNow(r *request, body triggerNowBody) (result.Run, error) {
	order, err := body.order()
	if err != nil {
		return result.Run{}, err
	}
	if order.ID, err = keyOf(r); err != nil {
		return result.Run{}, err
	}
	if order.ID != "" {
		if order.Request, err = body.request(); err != nil {
			return result.Run{}, err
		}
	}
	same := func(before engine.Run) bool {
		return before.Request == order.Request && (!order.Rehearsal || before.Sandbox)
	}
	if shown, there, err := s.repeated(r, order.ID, same); there || err != nil {
		return shown, err
	}
	run, err := s.config.Schedules.Trigger(r.Context(), r.PathValue("workflow"), body.Trigger, order)
	if err != nil {
		return s.meanwhile(r, order.ID, same, err)
	}
	if err := s.audit(r, "trigger", run.ID, run.Workflow); err != nil {
		return result.Run{}, err
	}
	return s.again(r, run.ID)
}

func (s *Server) backfill(r *request, body backfillBody) ([]result.Run, error) {
	runs, err := s.config.Schedules.Backfill(r.Context(), r.PathValue("workflow"), body.Trigger, body.From, body.To)
	shown := []result.Run{}
	for _, run := range runs {
		shown = append(shown, result.OfRun(run))
		if err := s.audit(r, "backfill", run.ID, run.Workflow); err != nil {
			return nil, err
		}
	}
	return shown, err
}

func (s *Server) otherRoutes() []route {
	get, post, viewer := http.MethodGet, http.MethodPost, workflows.RoleViewer
	return []route{
		{method: get, path: "/accounts", id: "listAccounts", tag: "accounts", summary: "Each operating account: what it has used of its limits, and whether it is held", role: viewer,
			action: whole(func(r *request) ([]result.Account, error) { return s.config.Accounts.List(r.Context()) })},
		{method: post, path: "/accounts/{account}/trip", id: "tripAccount", tag: "accounts", summary: "Hold the calls of an account; the others go on", role: workflows.RoleAdmin,
			action: taking(http.StatusNoContent, s.trip)},
		{method: post, path: "/accounts/{account}/clear", id: "clearAccount", tag: "accounts", summary: "Let the calls of an account go on", role: workflows.RoleAdmin,
			action: taking(http.StatusNoContent, s.clear)},
		{method: get, path: "/takeovers", id: "listTakeovers", tag: "takeovers", summary: "Conversations that are taken over, and those that could not be handed back", role: viewer, action: whole(s.listTakeovers)},
		{method: get, path: "/limits", id: "listLimits", tag: "limits", summary: "The limits that all workflows share", role: viewer, action: whole(s.listLimits)},
		{method: get, path: "/steps", id: "listSteps", tag: "steps", summary: "The steps that a workflow can use", role: viewer, action: whole(s.listSteps)},
		{method: get, path: "/steps/{step}", id: "getStep", tag: "steps", summary: "One step with its inputs, outputs and an example", role: viewer, action: giving(s.getStep), problems: []code{codeNotFound}},
		{method: get, path: "/schema/{kind}", id: "getSchema", tag: "workflows", summary: "The JSON Schema of a kind of file, for editors: workflow or project", role: viewer,
			action: giving(s.getSchema), problems: []code{codeNotFound}},
		{method: get, path: "/doctor", id: "doctor", tag: "version", summary: "What is well and what is not, with what to do about it", role: workflows.RoleOperator,
			action: whole(func(r *request) ([]result.Finding, error) { return s.config.Doctor(r.Context()) })},
		{method: get, path: "/events", id: "listEvents", tag: "events", summary: "What the platform has pushed, oldest first", role: viewer, action: listing(s.listEvents),
			query: []parameter{textParameter("account", "Only those of this account."), textParameter("friend", "Only those of this customer."), textParameter("kind", "Only those of this kind, such as chat.")}},
		{method: get, path: "/version", id: "getVersion", tag: "version", summary: "Which version of the program answers, and whether it rehearses", role: viewer,
			action: giving(func(*request) (result.Version, error) {
				return result.OfVersion(s.config.Version, s.config.Sandbox), nil
			})},
	}
}

func (s *Server) trip(r *request, body tripBody) (nothing, error) {
	if strings.TrimSpace(r.PathValue("account")) == "" {
		return nothing{}, refuse(codeQuery, "an account is not blank: write in the address which one is to be held")
	}
	var until time.Time
	if body.For != "" {
		span, err := workflows.ParseDuration(body.For)
		if err != nil {
			return nothing{}, refuse(codeBody, "for: "+err.Error())
		}
		until = s.config.Now().Add(span)
	}
	if body.Reason == "" {
		body.Reason = "held by hand"
	}
	return nothing{}, s.config.Accounts.Trip(r.Context(), orDefault(body.Connection), r.PathValue("account"), until, body.Reason, r.who.Name)
}

func (s *Server) clear(r *request, body clearBody) (nothing, error) {
	return nothing{}, s.config.Accounts.Clear(r.Context(), orDefault(body.Connection), r.PathValue("account"), r.who.Name)
}

func orDefault(connection string) string {
	if connection == "" {
		return "default"
	}
	return connection
}

func (s *Server) listTakeovers(r *request) ([]result.Takeover, error) {
	open, err := s.config.Ledger.Takeovers(r.Context(), engine.TakeoverFilter{
		States: []engine.TakeoverState{engine.TakeoverIntended, engine.TakeoverHeld, engine.TakeoverStuck}})
	if err != nil {
		return nil, err
	}
	var shown []result.Takeover
	sandboxed := map[string]bool{} // by run
	for _, takeover := range open {
		if _, known := sandboxed[takeover.Run]; !known {
			run, err := s.config.Ledger.Run(r.Context(), takeover.Run)
			if err != nil {
				return nil, err
			}
			sandboxed[takeover.Run] = run.Sandbox
		}
		shown = append(shown, result.OfTakeover(takeover, sandboxed[takeover.Run]))
	}
	return shown, nil
}

func (s *Server) listLimits(*request) ([]result.Limit, error) {
	var shown []result.Limit
	for _, limit := range s.config.Limits() {
		shown = append(shown, result.OfLimit(limit))
	}
	return shown, nil
}

func (s *Server) listSteps(*request) ([]result.Step, error) {
	var shown []result.Step
	for _, name := range s.config.Catalogue.Names() {
		entry, _ := s.config.Catalogue.Lookup(name)
		shown = append(shown, result.OfStep(entry))
	}
	return shown, nil
}

func (s *Server) getStep(r *request) (result.Step, error) {
	name := r.PathValue("step")
	entry, ok := s.config.Catalogue.Lookup(name)
	if !ok {
		hint := ""
		if near := diagnostic.Suggest(name, s.config.Catalogue.Names()); near != "" {
			hint = " (did you mean " + near + "?)"
		}
		return result.Step{}, refuse(codeNotFound, "there is no step "+name+hint)
	}
	return result.OfStep(entry), nil
}

// getSchema is the schema of a kind of file.
func (s *Server) getSchema(r *request) (json.RawMessage, error) {
	switch kind := r.PathValue("kind"); kind {
	case "workflow":
		return workflows.WorkflowSchema(s.config.Catalogue)
	case "project":
		return workflows.ProjectSchema(s.config.Catalogue)
	default:
		return nil, refuse(codeNotFound, "there is no schema "+kind+": write workflow or project")
	}
}

func (s *Server) listEvents(r *request, asked page) (list[result.Event], error) {
	query := r.URL.Query()
	filter := events.Filter{Account: query.Get("account"), Friend: query.Get("friend"), Limit: asked.limit + 1}
	if kind := query.Get("kind"); kind != "" {
		filter.Kinds = []events.Kind{events.Kind(kind)}
	}
	if err := asked.position(&filter.After); err != nil {
		return list[result.Event]{}, err
	}
	var all []events.Event
	for event, err := range s.config.Events.Events(r.Context(), filter) {
		if err != nil {
			return list[result.Event]{}, err
		}
		all = append(all, event)
	}
	return part(all, asked.limit, func(event events.Event) (result.Event, error) { return result.OfEvent(event), nil },
		func(event events.Event) any { return event.Sequence })
}

// routes is the table of the API.
func (s *Server) routes() []route {
	return slices.Concat(s.workflowRoutes(), s.runRoutes(), s.scheduleRoutes(), s.otherRoutes())
}
