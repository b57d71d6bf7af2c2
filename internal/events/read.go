package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"youmiflow/internal/youmi"
)

// DefaultWindow is how long a body that carries no id of the platform's is taken for a repetition of the same.
const DefaultWindow = 24 * time.Hour

// Read makes an event of the body of a push. It never fails: what it does not recognise is of KindUnknown.
//
// Only the envelope of version 1 is documented (doc-3385682). That of version 2 is on no page, so that its type, id,
// time and payload are looked for under several names.
func Read(body []byte, received time.Time) Event {
	e := Event{Source: SourceUnknown, Kind: KindUnknown, At: received, Received: received, Raw: body}
	var fields object
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &fields); err != nil || fields == nil {
		e.ID, e.Window = digest("body", string(body)), DefaultWindow
		return e
	}
	e.Merchant = fields.text("MerchantId", "merchantId")
	if at := readTime(fields.text("MsgTime", "msgTime", "eventTime", "timestamp")); !at.IsZero() {
		e.At = at
	}
	e.Values = payload(fields.first("Values", "values", "Data", "data", "Content", "content"))
	e.recognise(fields)
	e.describe()
	if id := fields.text(platformIDs()...); id != "" && id != "0" {
		e.ID = digest("id", string(e.Source), e.Type, id)
	} else {
		e.ID, e.Window = digest("body", string(body)), DefaultWindow
	}
	return e
}

// platformIDs are the names that an id of the push itself is looked for under. `id` and `requestId` are not among them:
// they may be the id of something else, or another one each time, and an event taken for another would be lost.
func platformIDs() []string {
	return []string{"messageId", "MessageId", "eventId", "EventId"}
}

// recognise finds the type, as a number of version 1 or a name of version 2.
func (e *Event) recognise(fields object) {
	e.Type = fields.text("Type", "type", "messageType", "MessageType", "eventType", "EventType", "event", "Event")
	if number, err := strconv.Atoi(e.Type); err == nil {
		if _, numbered := fields["Type"]; numbered && number >= 0 && number < len(kindsV1()) {
			e.Source, e.Kind = SourceV1, kindsV1()[number]
		}
		return
	}
	if kind, known := kindV2(e.Type); known {
		e.Source, e.Kind = SourceV2, kind
	}
}

func kindsV1() []Kind {
	return []Kind{
		KindLabels, KindMessageSent, KindCustomerChanged, KindGroup, KindMessageReceived, KindFriends, KindDeviceFault, KindMomentReaction, KindMomentReply,
	}
}

func kindV2(name string) (Kind, bool) {
	switch name {
	case "fansInfoChange":
		return KindFanChanged, true
	case "fansAttributionChange":
		return KindOwnerChanged, true
	case "chat":
		return KindChat, true
	case "rpaTaskResult":
		return KindTaskResult, true
	}
	return KindUnknown, false
}

// describe looks into the payload for whom it is about. Only ad_friend_wenober is seen in a callback (doc-3385682); the
// others are the names of the same things on other pages.
func (e *Event) describe() {
	var fields object
	if json.Unmarshal(e.Values, &fields) != nil {
		return // no object: nobody is named
	}
	e.Account = fields.text("ad_wechat_id", "wechatId", "WechatId", "WecharId", "wechat_id", "ad_original_nober", "wechat_key")
	e.Friend = fields.text("ad_friend_wenober", "fansKe", "fansKey", "fans_key", "ToUserName", "Weixin", "friend_key")
	e.Content = fields.text("ad_chatting_content", "content", "Content", "Text")
	e.Task = fields.text("taskId", "TaskId", "task_id")
	e.Text = fields.text("errdesc", "message", "Message", "errmsg")
	if done, err := strconv.ParseBool(fields.text("succeed", "Succeed", "success")); err == nil {
		e.Done = &done
	}
	e.From = e.speaker(fields)
}

// speaker tells who spoke: version 1 by the type of the callback, and a chat record by a column that no page describes.
func (e *Event) speaker(fields object) Party {
	switch e.Kind {
	case KindMessageReceived:
		return PartyCustomer
	case KindMessageSent:
		return PartyAccount
	case KindChat:
		switch strings.ToLower(fields.text("ad_chatting_issend", "isSend", "issend")) {
		case "1", "true":
			return PartyAccount
		case "0", "false":
			return PartyCustomer
		}
	}
	return ""
}

// payload unwraps a payload that is sent as text.
func payload(raw json.RawMessage) json.RawMessage {
	var text string
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, &text) == nil && strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return raw
}

// object is a JSON object by its names, which are told apart by their letter case.
type object map[string]json.RawMessage

func (o object) first(names ...string) json.RawMessage {
	for _, name := range names {
		if raw, ok := o[name]; ok && string(raw) != "null" {
			return raw
		}
	}
	return nil
}

// text is the first of the fields that holds a scalar, as text.
func (o object) text(names ...string) string {
	for _, name := range names {
		raw := o[name]
		if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		if text = strings.TrimSpace(text); text != "" && utf8.ValidString(text) {
			return text
		}
	}
	return ""
}

// readTime reads Unix seconds or milliseconds, as a number or as text, or a written time. Zero when it is none.
func readTime(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	number, err := strconv.ParseFloat(text, 64)
	const milliseconds, latest = 100_000_000_000, 10_000_000_000_000
	switch {
	case err != nil:
		at, err := youmi.ParseTime(text)
		if err != nil {
			return time.Time{}
		}
		return at
	case !(number > 0) || number >= latest:
		return time.Time{}
	case number >= milliseconds:
		return time.UnixMilli(int64(number))
	}
	return time.Unix(int64(number), 0)
}

// digest stands for its parts.
func digest(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
