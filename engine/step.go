package engine

import (
	"context"
	"encoding/json"
	"time"

	"youmiflow/workflows"
)

// Steps finds the steps of the catalogue by name.
type Steps interface {
	Step(name string) (Step, bool)
}

// Step is one entry of the catalogue as the engine performs it.
type Step interface {
	// Prepare says what the step would do with these inputs. It has no effect and reaches nothing outside the
	// process, so that a plan can call it. Its error is the user's: it becomes the step's failure.
	Prepare(Input) (Action, error)
}

// Input is what a step is given.
type Input struct {
	Connection string
	Run        string         // id of the run, "plan" for a plan
	Step       string         // path of the step in its scope; "" where the engine acts on its own
	Item       string         // key of the row; "" where the run itself acts
	With       map[string]any // evaluated; checked against the step's inputs when the file was loaded
	// Commit is the git commit that the run was started from, "" when it was none: paths are those of its files.
	Commit string
	// Files are the paths that were given from outside (params of type file): they may be anywhere, while a path
	// written in a workflow stays within the project folder.
	Files []string
	// Sandbox and Test say that the run is a rehearsal in the simulator, a test send: what it leaves behind must not take the
	// place of what a real run has left.
	Sandbox, Test bool
	// Scratch, when not nil, lends memory for Assumed and for the request's body. The body is only valid until the next
	// Prepare with the same Scratch.
	Scratch *workflows.Scratch
}

// Action is what a step is about to do.
type Action struct {
	// Request describes the API call; nil for a step that makes none.
	Request *Request
	// Skip, when not empty, is why there is nothing to do (an end without a takeover).
	Skip string
	// Perform does it. It never panics and always says how it ended.
	Perform func(context.Context) Outcome
	// Once has the result of a step that calls nobody kept, so that it is not performed again when its item goes on later, as
	// others are: somebody sees what it does.
	Once bool
	// Assumed are the outputs a plan goes on with, in place of performing a call. Actions may share them: nobody changes them.
	Assumed map[string]any
}

// Request is an API call as limits, the ledger and a plan see it.
type Request struct {
	Operation string // as openapi.yaml names it, such as "doSendPublicMes"
	Effect    workflows.Effect
	Account   string // WechatId; "" when the call concerns none
	Friend    string // ToUserName; "" when the call concerns none
	Body      json.RawMessage
	Takeover  TakeoverUse
	// People are customers whom the call names besides Friend, or in place of one, as far as that can be told: the
	// suppression list is asked about them.
	People []string
	// Team says that the call reaches the people who run campaigns, and no customer: no send window holds it.
	Team bool
}

// TakeoverUse says what a request does to the takeover of its account and friend.
type TakeoverUse int

// The uses.
const (
	TakeoverNone TakeoverUse = iota
	TakeoverApplies
	TakeoverEnds
)

// Handle is the output `takeover` of a step that applies for one: the names "account", "friend", "channel" and "key"
// ("" when the platform answered without a key). It survives the ledger, which keeps outputs as JSON.
type Handle = map[string]any

// Outcome says how an action ended.
type Outcome struct {
	State   OutcomeState
	Outputs map[string]any
	// Code is the platform's result code, or HTTP-503, timeout, refused and the like; "" when there was none.
	Code      string
	Message   string // for people, when the state is not Succeeded
	RequestID string
	TaskID    string
	// Retryable says that trying again may help. For a message it is only set together with NotSent.
	Retryable bool
	// RetryAfter asks for that long a pause before any call of the same limit (HTTP 429).
	RetryAfter time.Duration
	// AccountFault marks a failure that speaks against the operating account rather than this call.
	AccountFault bool
}

// OutcomeState is how an action ended.
type OutcomeState string

// The outcome states. NotSent is a failure that proves that nothing was done, Unreachable one where not even a
// connection could be made: it is repeated until the platform is back.
const (
	Succeeded   OutcomeState = "succeeded"
	Failed      OutcomeState = "failed"
	Unknown     OutcomeState = "unknown"
	NotSent     OutcomeState = "not_sent"
	Unreachable OutcomeState = "unreachable"
)

// Rows is an audience: the output of an audience step, and what a foreach goes over. Opening reads the source afresh.
type Rows interface {
	Open(context.Context) (RowReader, error)
}

// Table is a RowReader whose rows all have the same columns, known before the first is read.
type Table interface {
	Columns() []string
}

// RowReader hands out rows until io.EOF. Its errors name the file and the row.
type RowReader interface {
	// Next returns the row by column name, and its number in the source (the header is row 1 of a CSV). After the last
	// it returns io.EOF itself; an error that wraps io.EOF is none the less an error.
	Next() (row map[string]any, number int, err error)
	Close() error
}
