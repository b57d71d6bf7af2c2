package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Notice is something that the people who run campaigns have to know. It holds no customer's data.
type Notice struct {
	ID       string     `json:"id"` // of this one occasion, however often it is told
	Kind     NoticeKind `json:"kind"`
	At       time.Time  `json:"at"`
	Run      string     `json:"run,omitempty"`
	Step     string     `json:"step,omitempty"`     // of NoticeQuestion
	Account  string     `json:"account,omitempty"`  // of NoticeTripped
	Workflow string     `json:"workflow,omitempty"` // of NoticeMissed; of the others the run says so
	Sandbox  bool       `json:"sandbox,omitempty"`  // of NoticeTripped; of the others the run says so
	Text     string     `json:"text,omitempty"`     // the reason or the question
}

// NoticeKind is a kind of notice.
type NoticeKind string

// The kinds.
const (
	NoticeEnded    NoticeKind = "ended"    // the run is over
	NoticePaused   NoticeKind = "paused"   // the run pauses on its own
	NoticeStuck    NoticeKind = "stuck"    // a takeover could not be ended
	NoticeTripped  NoticeKind = "tripped"  // an account is held
	NoticeQuestion NoticeKind = "question" // a step waits for a person's decision
	NoticeMissed   NoticeKind = "missed"   // instants of a schedule passed while nobody was there
)

// Alarm reports whether somebody has to do something, or should at least know. Of runs that end there may be any number, and
// they can be listed; they must not push out an alarm that nobody has heard yet.
func (k NoticeKind) Alarm() bool { return k != NoticeEnded }

// AddNotice keeps what people are to be told, together with what it is about, until somebody has told them. The engine adds
// it by itself where Config.Notice is set. One that is there already (by its ID) is left alone; of too many that wait, the
// oldest go, those that are no alarms (NoticeKind.Alarm) first.
type AddNotice struct{ Notice }

func (AddNotice) change() {}

// noticingLedger keeps a notice of whatever people have to know in the entry that says so, and tells once that is durable.
type noticingLedger struct {
	Ledger
	tell func(Notice)
	now  func() time.Time
}

func (n noticingLedger) Append(ctx context.Context, entry Entry) Receipt {
	var notices []Notice
	var added []Change
	for _, change := range entry.Changes {
		if kept, ok := change.(AddNotice); ok {
			notices = append(notices, kept.Notice)
		} else if notice, ok := noticeOf(change); ok {
			notice.stamp(n.now())
			notices, added = append(notices, notice), append(added, AddNotice{notice})
		}
	}
	if len(added) > 0 {
		entry.Changes = slices.Concat(entry.Changes, added)
	}
	receipt := n.Ledger.Append(ctx, entry)
	if len(notices) == 0 {
		return receipt
	}
	return &noticingReceipt{Receipt: receipt, notices: notices, tell: n.tell}
}

// stamp says when, and gives an ID that no other occasion has.
func (n *Notice) stamp(now time.Time) {
	n.At = now
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d", n.Kind, n.Run, n.Step, n.Account, n.Workflow, n.Text, now.UnixMicro()))
	n.ID = hashText(sum[:10])
}

// noticingReceipt tells once, when the entry is known to be durable.
type noticingReceipt struct {
	Receipt
	notices []Notice
	tell    func(Notice)
	once    sync.Once
}

func (n *noticingReceipt) Wait(ctx context.Context) error {
	err := n.Receipt.Wait(ctx)
	if err == nil {
		n.once.Do(func() {
			for _, notice := range n.notices {
				n.tell(notice)
			}
		})
	}
	return err
}

func noticeOf(change Change) (Notice, bool) {
	switch c := change.(type) {
	case SetRun:
		return runNotice(c)
	case SetTakeover:
		return Notice{Kind: NoticeStuck, Run: c.Run, Text: c.Message}, c.State == TakeoverStuck
	case SetAccount:
		_, sandbox := AccountsOf(c.Connection)
		return Notice{Kind: NoticeTripped, Account: c.Account.Account, Sandbox: sandbox, Text: c.Reason}, c.Tripped
	case SetStep:
		var q question
		if c.Status != StatusHeld || json.Unmarshal(c.Outputs, &q) != nil || q.AskedAt.IsZero() {
			return Notice{}, false
		}
		return Notice{Kind: NoticeQuestion, Run: c.Run, Step: c.Path, Text: q.Text}, true
	}
	return Notice{}, false
}

func runNotice(c SetRun) (Notice, bool) {
	notice := Notice{Run: c.ID}
	if c.Error != nil {
		notice.Text = c.Error.text()
	}
	switch {
	case c.Status != nil && c.Status.Over():
		notice.Kind = NoticeEnded
	case c.Error != nil && c.Error.Code == codeWithParent: // people hear of the one that called it
		return notice, false
	case c.Error != nil && *c.Error != Failure{} && c.Wanted != nil && *c.Wanted == WantPause: // a person who pauses knows it
		notice.Kind = NoticePaused
	default:
		return notice, false
	}
	return notice, true
}
