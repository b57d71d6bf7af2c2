package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chatRecord is one line of a chat, as api-185486756 lists the kinds and their contents.
type chatRecord struct {
	id       uint64
	kind     int
	content  string
	reserved map[string]any // nil: none
	sent     bool           // by the operating account
	at       time.Time
	account  string
	friend   string
}

// getChat shows what was sent to a fan and what the fan replied, newest first. Only deliveries that are still kept show.
func (s *Sandbox) getChat(c call) result {
	account, friend := c.word("wechatId", "wechatKey", "ad_wechat_id"), c.word("fansKe", "ad_friend_wenober")
	if friend == "" {
		return refuse(codeNoFriendGiven, "fansKe must be given: it names the conversation")
	}
	if a, ok := s.people.findAccount(account); ok {
		account = strconv.Itoa(a.id)
	}
	if err := s.config.World.check(account, friend); err != nil {
		return failure(err)
	}
	when := c.window("startTimestamp", "endTimestamp")
	records := slices.DeleteFunc(s.world.chat(account, friend), func(r chatRecord) bool { return !when.holds(r.at.Unix()) })
	slices.Reverse(records)
	return paged(c, records, chatRecord.show)
}

// chat is a conversation, oldest first; with account "" that of every account with the friend.
func (w *world) chat(account, friend string) []chatRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	var records []chatRecord
	for _, d := range w.recent.items {
		if d.Friend == friend && (account == "" || d.Account == account) {
			records = append(records, d.records()...)
		}
	}
	for _, r := range w.state.replies.items {
		if r.Friend == friend && (account == "" || r.Account == account) {
			records = append(records, r.record())
		}
	}
	slices.SortStableFunc(records, func(a, b chatRecord) int { return cmp.Compare(a.id, b.id) })
	return records
}

// Numbers of chat records: those of delivery n are n·10⁷ and on, with its parts behind each other, and a reply comes
// behind the delivery that was the last before it.
const (
	recordsPerDelivery = 10_000_000
	firstReply         = 1_000
)

func (r Reply) record() chatRecord {
	return chatRecord{
		id: r.After*recordsPerDelivery + firstReply + r.ID%(recordsPerDelivery-firstReply), kind: 1, content: r.Text,
		at: r.At, account: r.Account, friend: r.Friend,
	}
}

// records are what a delivery shows as: one record, or one for each part of a batch or forward.
func (d Delivery) records() []chatRecord {
	var fields map[string]any
	if err := json.Unmarshal(d.Body, &fields); err != nil { // it was read before it was delivered
		return nil
	}
	parts := []map[string]any{fields}
	for _, list := range []string{"messList", "Flags"} {
		if items, ok := fields[list].([]any); ok {
			parts = nil
			for _, item := range items {
				if part, ok := item.(map[string]any); ok {
					parts = append(parts, part)
				}
			}
		}
	}
	records := make([]chatRecord, len(parts))
	for i, part := range parts {
		r := chatRecord{id: d.Sequence*recordsPerDelivery + uint64(i)%firstReply, sent: true, at: d.At, account: d.Account, friend: d.Friend}
		r.fill(scalar(part["MsgType"]), part)
		records[i] = r
	}
	return records
}

// fill says how a message reads in the chat.
func (r *chatRecord) fill(kind string, part map[string]any) {
	field := func(name string) string { return scalar(part[name]) }
	link := firstOf(field("ImageUrl"), field("Url"))
	switch kind {
	case "text":
		r.kind, r.content = 1, scalar(part["Text"])
		if text, ok := part["Text"].(string); ok {
			r.content = text
		}
	case "image":
		r.kind, r.content = 3, "imgs["+link+"]"
	case "video", "link":
		r.kind, r.content = 49, "a("+link+")"
		r.reserved = map[string]any{"title": field("Title"), "url": link}
	case "file":
		r.kind, r.content = 496, "file["+link+"]"
		r.reserved = map[string]any{"title": field("Title"), "totalLen": 0, "url": ""}
	case "card", "qvcard":
		r.kind, r.content = 42, "MP["+field("Text")+"]"
		r.reserved = map[string]any{"nickname": field("Text")}
	case "mp":
		r.kind, r.content = 4933, field("Text")
	case "location":
		r.kind, r.content = 48, "a("+link+")"
	default:
		r.kind, r.content = 1, fmt.Sprintf("[%s %s]", kind, firstOf(field("Text"), field("Flag"), link))
	}
}

func (r chatRecord) show() map[string]any {
	account, _ := strconv.Atoi(r.account)
	reserved := ""
	if r.reserved != nil {
		text, err := json.Marshal(r.reserved)
		if err == nil { // texts and numbers always can be
			reserved = strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20")
		}
	}
	sent := 0
	if r.sent {
		sent = 1
	}
	return map[string]any{
		"ad_chatting_id": r.id, "ad_chatting_type": r.kind, "ad_chatting_content": r.content, "ad_chatting_resvred": reserved,
		"ad_chatting_time": r.at.Unix(), "ad_chatting_issend": sent, "ad_wechat_id": account, "ad_friend_wenober": r.friend,
	}
}

// activationConversation activates a conversation: for the report, and in a world whose people are known it has to be
// one of theirs.
func (s *Sandbox) activationConversation(c call) result {
	name := c.word("ad_wechat_id", "ad_original_nober")
	if name == "" {
		return refuse(codeNoAccountGiven, "ad_wechat_id and ad_original_nober must not both be empty")
	}
	a, known := s.people.findAccount(name)
	if known {
		name = strconv.Itoa(a.id)
	}
	if err := s.config.World.check(name, c.word("ad_friend_wenober")); err != nil {
		return failure(err)
	}
	if err := s.checkStaff(c.word("staff_code")); err != nil {
		return failure(err)
	}
	if c.operation.name == "sendNotification" {
		return result{values: true}
	}
	if kind := c.whole(0, "activationType"); (kind == 1 || kind == 2) && c.text("content") == "" {
		return refuse(codeParameters, "content must be given when activationType is 1 or 2")
	}
	if err := s.world.activate(activation{Staff: c.word("staff_code"), Channel: a.channel, At: c.at}); err != nil {
		return failure(err)
	}
	return result{values: true}
}
