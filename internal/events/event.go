package events

import (
	"context"
	"encoding/json"
	"time"
)

// Source is the version of the API that an event is of.
type Source string

// The sources. An event that is recognised as neither is of SourceUnknown.
const (
	SourceV1      Source = "v1"
	SourceV2      Source = "v2"
	SourceUnknown Source = "unknown"
)

// Kind says what happened, in words of ours.
type Kind string

// The kinds of version 1, in the order of their numbers from 0 to 8 (doc-3385682).
const (
	KindLabels          Kind = "labels"           // 标签、备注保存操作
	KindMessageSent     Kind = "message.sent"     // 发送消息
	KindCustomerChanged Kind = "customer.changed" // 修改客户资料
	KindGroup           Kind = "group"            // 群操作
	KindMessageReceived Kind = "message.received" // 获取聊天消息
	KindFriends         Kind = "friends"          // 获取好友列表
	KindDeviceFault     Kind = "device.fault"     // 设备异常
	KindMomentReaction  Kind = "moment.reaction"  // 评论/点赞朋友圈
	KindMomentReply     Kind = "moment.reply"     // 回复自己朋友圈的评论
)

// The kinds of version 2 (doc-2812829).
const (
	KindFanChanged   Kind = "fan.changed"       // fansInfoChange, 粉丝信息变更
	KindOwnerChanged Kind = "fan.owner_changed" // fansAttributionChange, 粉丝归属变更
	KindChat         Kind = "chat"              // chat, 聊天记录新增事件: of either side
	KindTaskResult   Kind = "task.result"       // rpaTaskResult, RPA任务执行结果事件
)

// KindUnknown is of everything else; it is kept as it came.
const KindUnknown Kind = "unknown"

// Party is a side of a conversation.
type Party string

// The parties.
const (
	PartyAccount  Party = "account"  // the operating account: a program or a person
	PartyCustomer Party = "customer" // the other side
)

// Event is one thing that the platform has pushed.
type Event struct {
	// Sequence is given by the store and grows from one event to the next; 0 before it is kept.
	Sequence int64
	// ID is the same for each repetition of a push: a digest, in hexadecimal, of the platform's own id where the push
	// carries one, else of the whole body.
	ID string
	// Window is how long after the first push another one of the same ID is a repetition. 0: always.
	Window time.Duration

	Source Source
	Kind   Kind
	// Type is the platform's own word: a number of version 1, a name of version 2, "" when there is none.
	Type string
	// At is when it happened by the platform's clock; when the push does not say so, when it was received.
	At       time.Time
	Received time.Time
	Merchant string // MerchantId, a string or a number on the wire; "" when there is none
	// Account and Friend name the conversation, and Content is what was said, as far as the payload tells in a field of a
	// known name. The payloads are on no page.
	Account string
	Friend  string
	Content string
	// From says who spoke; "" where the payload does not tell.
	From Party
	// Task is the platform's number of the task that the event speaks of, "" when it names none. Done tells how it ended,
	// nil when the event does not say, and Text why it failed.
	Task string
	Done *bool
	Text string
	// Values is the payload; nil when there is none.
	Values json.RawMessage
	// Raw is the body as it came.
	Raw []byte
}

// Store keeps events.
type Store interface {
	// AddEvent keeps an event and returns when it is durable. It returns false for a repetition: when an event of the
	// same ID is there, and was received no longer before this one than Window. After an error nothing is promised;
	// the same event may be added again.
	AddEvent(ctx context.Context, event Event) (added bool, err error)
}

// Filter selects events. Zero fields select all.
type Filter struct {
	After    int64 // Sequence
	Kinds    []Kind
	Types    []string
	Account  string
	Friend   string
	Received time.Time // not before
	Limit    int
}
