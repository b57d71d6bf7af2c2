package result

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/workflows"
)

// Takeover is a conversation that is taken over, or that could not be handed back.
type Takeover struct {
	Run        string               `json:"run"`
	Step       string               `json:"step"`
	Connection string               `json:"connection"`
	Account    string               `json:"account"`
	Friend     string               `json:"friend"`
	State      engine.TakeoverState `json:"state"`
	Sandbox    bool                 `json:"sandbox"` // of a rehearsal: nobody misses it
	Message    string               `json:"message"` // why it is stuck
	At         *time.Time           `json:"at"`
}

// OfTakeover shows a takeover; sandbox says that its run is a rehearsal.
func OfTakeover(t engine.Takeover, sandbox bool) Takeover {
	return Takeover{Run: t.Run, Step: t.Step, Connection: t.Connection, Account: t.Account, Friend: t.Friend, State: t.State, Sandbox: sandbox,
		Message: t.Message, At: When(t.At)}
}

// Limit is a limit that all workflows share. What it does not have is "" or 0.
type Limit struct {
	Name   string `json:"name"`
	Rate   string `json:"rate"` // such as 20/1m0s
	Burst  int    `json:"burst"`
	GapMin string `json:"gap_min"`
	GapMax string `json:"gap_max"`
	Hourly int    `json:"hourly"`
	Daily  int    `json:"daily"`
	Max    int    `json:"max"`
	Per    string `json:"per"`
}

// OfLimit shows a limit.
func OfLimit(l *workflows.Limit) Limit {
	shown := Limit{Name: l.Name, Burst: l.Burst, GapMin: span(l.GapMin), GapMax: span(l.GapMax), Hourly: l.Hourly, Daily: l.Daily,
		Max: l.Max, Per: span(l.Per)}
	if l.Rate.Count > 0 {
		shown.Rate = fmt.Sprintf("%d/%s", l.Rate.Count, l.Rate.Per)
	}
	return shown
}

func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// Event is something that the platform has pushed.
type Event struct {
	Sequence int64           `json:"sequence"`
	ID       string          `json:"id"`
	Source   events.Source   `json:"source"`
	Kind     events.Kind     `json:"kind"`
	Type     string          `json:"type"`
	At       *time.Time      `json:"at"`
	Received *time.Time      `json:"received"`
	Merchant string          `json:"merchant"`
	Account  string          `json:"account"`
	Friend   string          `json:"friend"`
	Content  string          `json:"content"`
	Values   json.RawMessage `json:"values"`
}

// OfEvent shows an event.
func OfEvent(e events.Event) Event {
	values := e.Values
	if len(values) == 0 {
		values = json.RawMessage("null")
	}
	return Event{Sequence: e.Sequence, ID: e.ID, Source: e.Source, Kind: e.Kind, Type: e.Type, At: When(e.At), Received: When(e.Received),
		Merchant: e.Merchant, Account: e.Account, Friend: e.Friend, Content: e.Content, Values: values}
}

// Version is which version of the program answers, and in which world it works.
type Version struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
	Sandbox bool   `json:"sandbox"` // the daemon works against the built-in simulator, and messages nobody
}

// OfVersion shows the version of the program that runs.
func OfVersion(version string, sandbox bool) Version {
	return Version{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Sandbox: sandbox}
}

// Finding is one check as `doctor` prints it.
type Finding struct {
	Name   string `json:"name"`
	Status Health `json:"status"`
	Found  string `json:"found"`
	Advice string `json:"advice"` // what to do; "" when nothing
}

// Health is what a check came to.
type Health string

// The healths.
const (
	Healthy Health = "ok"
	Uneasy  Health = "warn"
	Ill     Health = "fail"
)
