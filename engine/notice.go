package engine

import (
	"context"
	"encoding/json"
	"sync"
)

// Notice is something that the people who run campaigns have to know. It holds no customer's data.
type Notice struct {
	Kind    NoticeKind
	Run     string
	Step    string // of NoticeQuestion
	Account string // of NoticeTripped
	Sandbox bool   // of NoticeTripped; of the others the run says so
	Text    string // the reason or the question
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
)

// noticingLedger gives notice of what has become durable: whatever people have to know is in the ledger, and comes there
// through Append.
type noticingLedger struct {
	Ledger
	tell func(Notice)
}

func (n noticingLedger) Append(ctx context.Context, entry Entry) Receipt {
	receipt := n.Ledger.Append(ctx, entry)
	var notices []Notice
	for _, change := range entry.Changes {
		if notice, ok := noticeOf(change); ok {
			notices = append(notices, notice)
		}
	}
	if len(notices) == 0 {
		return receipt
	}
	return &noticingReceipt{Receipt: receipt, notices: notices, tell: n.tell}
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
	case c.Error != nil && c.Wanted != nil && *c.Wanted == WantPause: // a person who pauses knows it
		notice.Kind = NoticePaused
	default:
		return notice, false
	}
	return notice, true
}
