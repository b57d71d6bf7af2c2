package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The numbered callbacks of version 1 that the sandbox pushes by itself (doc-3385682).
const (
	callbackSent        = 1 // 发送消息
	callbackReceived    = 4 // 获取聊天消息
	callbackDeviceFault = 6 // 设备异常
	callbackLast        = 8
)

// The named events of version 2 (doc-2812829). Their payloads are on no page.
const (
	eventFansInfo    = "fansInfoChange"
	eventAttribution = "fansAttributionChange"
	eventChat        = "chat"
	eventTaskResult  = "rpaTaskResult"
)

func eventNames() []string {
	return []string{eventFansInfo, eventAttribution, eventChat, eventTaskResult}
}

// merchant is the MerchantId of the example of doc-3385682: a number there, although it is declared a string.
const merchant = 9527

// happening is something to push: as a numbered callback, as a named event, or both.
type happening struct {
	number  int    // of version 1; -1: none
	name    string // of version 2; "": none
	values  any
	account string
	friend  string
	at      time.Time
}

// callbackV1 is a callback of version 1 as doc-3385682 shows it.
type callbackV1 struct {
	Type       int   `json:"Type"`
	MerchantID int   `json:"MerchantId"`
	Time       int64 `json:"MsgTime"`
	Values     any   `json:"Values"`
}

// eventV2 is chosen: no page shows the envelope of an event of version 2.
type eventV2 struct {
	ID       string `json:"messageId"`
	Type     string `json:"messageType"`
	AppID    string `json:"appId"`
	Merchant string `json:"merchantId"`
	Time     int64  `json:"msgTime"` // Unix milliseconds
	Values   any    `json:"values"`
}

// push hands a happening to everybody who asked for it.
func (s *Sandbox) push(h happening) error {
	for _, callback := range s.Callbacks() {
		if callback.Ignored != "" {
			continue
		}
		var message any
		switch {
		case !callback.Subscription && h.number >= 0:
			message = callbackV1{h.number, merchant, h.at.Unix(), h.values}
		case callback.Subscription && h.name != "" && callback.wants(h.name):
			id := s.boot + "-" + strconv.FormatUint(s.happenings.Add(1), 10)
			message = eventV2{id, h.name, callback.AppID, strconv.Itoa(merchant), h.at.UnixMilli(), h.values}
		default:
			continue
		}
		body, err := json.Marshal(message)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		media := "text/json" // as doc-3385682 has it
		if callback.Subscription {
			media = "application/json"
		}
		s.pusher.push(push{url: callback.URL, media: media, body: body, account: h.account, lane: callback.URL + media + h.account + "\x00" + h.friend})
	}
	return nil
}

// report pushes, and leaves what cannot be pushed to the counts: the platform's answer does not depend on it.
func (s *Sandbox) report(h happening) {
	if s.push(h) != nil {
		s.pusher.drop()
	}
}

func (s *Sandbox) pushSent(d Delivery) {
	if !s.listened() {
		return // the usual case needs no records
	}
	for _, record := range d.records() {
		s.report(happening{number: callbackSent, name: eventChat, values: record.event(d.TaskID), account: d.Account, friend: d.Friend, at: d.At})
	}
	if s.config.TaskResults {
		s.report(s.taskResult(d, true, ""))
	}
}

// event is a chat record as events carry it: the record, and for what was sent its task.
func (r chatRecord) event(task string) map[string]any {
	values := r.show()
	if task != "" {
		values["taskId"] = task
	}
	return values
}

func (s *Sandbox) taskResult(d Delivery, succeed bool, text string) happening {
	account, _ := strconv.Atoi(d.Account)
	values := map[string]any{
		"taskId": d.TaskID, "succeed": succeed, "errdesc": text, "ad_wechat_id": account, "ad_friend_wenober": d.Friend, "time": s.config.Clock().Unix(),
	}
	return happening{number: -1, name: eventTaskResult, values: values, account: d.Account, friend: d.Friend, at: s.config.Clock()}
}

func (s *Sandbox) pushAttribution(account, friend, staff string, at time.Time) {
	values := map[string]any{"ad_friend_wenober": friend, "ad_wechat_id": json.Number(or(account, "0")), "ad_staff_code": staff}
	if _, err := strconv.Atoi(or(account, "0")); err != nil {
		values["ad_wechat_id"] = account
	}
	s.report(happening{number: -1, name: eventAttribution, values: values, account: account, friend: friend, at: at})
}

// Reply has a customer write to an operating account: it shows in the chat and is pushed.
func (s *Sandbox) Reply(account, friend, text string) (Reply, error) {
	r := Reply{Account: account, Friend: friend, Text: text, At: s.config.Clock()}
	if account == "" || friend == "" || text == "" {
		return r, &refusal{codeParameters, "account, friend and text must be given"}
	}
	if err := s.config.World.check(account, friend); err != nil {
		return r, err
	}
	r, err := s.world.addReply(r)
	if err != nil {
		return r, err
	}
	return r, s.push(happening{number: callbackReceived, name: eventChat, values: r.record().event(""), account: account, friend: friend, at: r.At})
}

// TaskResult pushes what became of a delivery's task. The delivery must still be kept.
func (s *Sandbox) TaskResult(taskID string, succeed bool, text string) error {
	for _, d := range s.Deliveries() {
		if d.TaskID == taskID {
			return s.push(s.taskResult(d, succeed, text))
		}
	}
	return &refusal{codeParameters, fmt.Sprintf("there is no delivery with the task %q", taskID)}
}

// DeviceFault pushes that an account's device is out of order.
func (s *Sandbox) DeviceFault(account, text string) error {
	if err := s.config.World.check(account, ""); err != nil {
		return err
	}
	number, _ := strconv.Atoi(account)
	values := map[string]any{"ad_wechat_id": number, "message": text}
	return s.push(happening{number: callbackDeviceFault, values: values, account: account, at: s.config.Clock()})
}

// PushEvent pushes an event of any type: 0 to 8 of version 1, or a name of version 2.
func (s *Sandbox) PushEvent(kind, account, friend string, values map[string]any) error {
	h := happening{number: -1, values: values, account: account, friend: friend, at: s.config.Clock()}
	if values == nil {
		h.values = map[string]any{}
	}
	number, err := strconv.Atoi(kind)
	switch {
	case err == nil && number >= 0 && number <= callbackLast:
		h.number = number
	case slices.Contains(eventNames(), kind):
		h.name = kind
	default:
		return &refusal{codeParameters, fmt.Sprintf("there is no event %q: there are 0 to %d and %v", kind, callbackLast, eventNames())}
	}
	return s.push(h)
}
