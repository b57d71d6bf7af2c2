package rehearsal

import (
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/events"
	"youmiflow/workflows"
)

// Moment is something that happens while the run goes on.
type Moment struct {
	At   time.Time
	Act  Act
	Span diagnostic.Span // of what happens

	Event    *Pushed       // ActEvent
	Step     Text          // ActApprove, ActReject
	By, Note string        // of a decision
	Down     time.Duration // ActCrash: how long nobody works on the run
}

// Act is what happens at a moment, as a test file names it.
type Act string

// The acts.
const (
	ActEvent   Act = "event"   // the platform pushes one
	ActApprove Act = "approve" // a person says yes
	ActReject  Act = "reject"  // a person says no
	ActPause   Act = "pause"
	ActResume  Act = "resume"
	ActCancel  Act = "cancel"
	ActCrash   Act = "crash" // the process dies, and is started again
)

func acts() []string {
	return []string{string(ActEvent), string(ActApprove), string(ActReject), string(ActPause), string(ActResume), string(ActCancel), string(ActCrash)}
}

// decision is what a person decides.
func (a Act) decision() workflows.Decision { return workflows.Decision(a) }

// Pushed is an event that the platform pushes, by the names that expressions see.
type Pushed struct {
	Kind                                   Text
	Account, Friend, From, Content, TaskID string
	Error                                  string // why a task failed, or what is wrong with a device
	Succeed                                *bool  // of a task
	Values                                 map[string]any
}

// payload is what the event carries, under the names that are looked for (docs/events.md).
func (e *Pushed) payload() map[string]any {
	values := map[string]any{}
	set := func(name, text string) {
		if text != "" {
			values[name] = text
		}
	}
	set("ad_wechat_id", e.Account)
	set("ad_friend_wenober", e.Friend)
	set("ad_chatting_content", e.Content)
	set("taskId", e.TaskID)
	set("errdesc", e.Error)
	if e.Kind.Value == string(events.KindChat) && e.From != "" {
		values["ad_chatting_issend"] = map[string]int{string(events.PartyAccount): 1, string(events.PartyCustomer): 0}[e.From]
	}
	if e.Succeed != nil {
		values["succeed"] = *e.Succeed
	}
	for name, value := range e.Values {
		values[name] = value
	}
	return values
}

// said reports whether it is of something that the customer wrote, which then stands in the chat.
func (e *Pushed) said() bool {
	customer := e.Kind.Value == string(events.KindMessageReceived) || e.Kind.Value == string(events.KindChat) && e.From == string(events.PartyCustomer)
	return customer && e.Account != "" && e.Friend != "" && e.Content != ""
}

// Trigger starts the run, in place of a person.
type Trigger struct {
	Name   Text
	Follow time.Duration // how long it is followed from the start; 0: until it has started a run
}

// SendTo is the recipient of a test send.
type SendTo struct {
	Account, Friend string
	Rows            int // of each foreach; 0: as many as the command takes
}

// Fires are those expected, in their order.
type Fires struct {
	List []Fire
	Span diagnostic.Span
}

// Fire is what an instant, or an event, is expected to have come to.
type Fire struct {
	Fields []Field
	At     *when
	Span   diagnostic.Span
}
