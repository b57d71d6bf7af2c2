package steps

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
)

// beijing is the only offset that the vendor's examples show.
func beijing() *time.Location { return time.FixedZone("+08:00", 8*60*60) }

// request is a step, and the request of the vendor's page that it has to make.
type request struct {
	page string
	step string
	with map[string]any
	want string
}

// requests are the request examples of the vendor's pages, each with the inputs that make it.
func requests() []request {
	return []request{
		{"api-96285441", "conversation.activate", map[string]any{"friend": "wxid_example", "account_wxid": "wxid_own", "account": 0, "staff": "001",
			"force": false, "text": "text", "activation_type": 1, "switch_session": 0},
			`{"ad_friend_wenober": "wxid_example", "ad_original_nober": "wxid_own", "ad_wechat_id": 0, "staff_code": "001",
			  "enforceAttribution": 0, "content": "text", "activationType": 1, "switchSession": 0}`},
		{"api-84374901", "report.staff_service", map[string]any{"since": "2024-01-01", "until": "2024-01-31", "order_by": "staff_name", "order": "desc",
			"staff": "", "department": -1, "group": -1, "level": "staff", "include_disabled": true, "account_type": 0, "group_chats": -1, "search_data": 0, "page_size": 20},
			`{"startDate": "2024-01-01 00:00:00", "endDate": "2024-01-31 23:59:59", "orderKey": "ad_staff_name", "orderType": "desc",
			  "staffCode": "", "departId": -1, "departGroupId": -1, "show": 3, "staffState": true, "wechatLei": 0,
			  "relationIsFlock": -1, "searchData": 0, "pageIndex": 1, "pageSize": 20}`},
		{"api-144913573", "report.activations", map[string]any{"day": "2024-01-01", "account_type": "personal"},
			`{"time": 1704038400, "wechat_lei": 0, "ad_staff_code": null, "ad_departid": "-1", "ad_departgroupid": "-1"}`},
		{"api-84466055", "system.departments", nil, ``},
		{"api-84469355", "system.groups", map[string]any{}, `{"departId": -1}`},
		{"api-84469503", "system.group_staff", map[string]any{}, `{"departId": -1, "departGroupId": -1, "staffState": 0}`},
		{"api-96368914, as api-96372659", "friend.list", map[string]any{"account": 0, "account_key": "", "friend": "", "name": ""},
			`{"wechatId": 0, "wechatKey": "", "fansKe": "", "fansName": "", "pageIndex": 1, "pageSize": 100}`},
		{"api-96372659", "friend.count", map[string]any{"account": 0, "account_key": "", "friend": "", "name": "", "added_since": 0, "added_until": 0,
			"bound_since": 0, "bound_until": 0, "chatted_since": 0, "chatted_until": 0, "staff": "", "changed_since": 0, "relation_type": 0, "relation_state": 0, "account_type": 0},
			`{"wechatId": 0, "wechatKey": "", "fansKe": "", "fansName": "", "addStartTime": 0, "addEndTime": 0, "bindStartTime": 0,
			  "bindEndTime": 0, "lastChatStartTime": 0, "lastChatEndTime": 0, "staffCode": "", "minUpdateTime": 0,
			  "relationType": 0, "relationState": 0, "wechatType": 0}`},
		{"api-96445501", "todo.add_plain", map[string]any{"friend": "wxid_example", "creator": "001", "title": "title", "text": "text",
			"remind_at": "2030-01-01 09:00", "always": false, "recipients": []any{"001"}},
			`{"Weixin": "wxid_example", "SffId": "001", "RemindTitle": "title", "FollowupsiTuation": "text", "RemindTime": "2030-01-01 09:00:00",
			  "IsAlways": 0, "Recipient": ["001"]}`},
		{"api-202006062", "todo.add", map[string]any{"friend": "wxid_example", "account_type": "personal", "creator": "001", "title": "title", "text": "text",
			"remind_at": "2030-01-01T01:00:00Z", "always": false, "recipients": []any{"001"}, "account": "135389", "level_color": "", "level_name": "", "event_type": 0},
			`{"Weixin": "wxid_example", "From": 0, "SffId": "001", "RemindTitle": "title", "FollowupsiTuation": "text",
			  "RemindTime": "2030-01-01 09:00:00", "IsAlways": 0, "Recipient": ["001"], "AdWecharId": 135389,
			  "LevelColor": "", "LevelName": "", "EventType": 0}`},
		{"api-202016297", "todo.list", map[string]any{"created_since": 0, "created_until": 0, "remind_since": 0, "remind_until": 0, "creator": "", "recipient": "",
			"account": 0, "account_wechat": "", "state": "all", "id": 0, "page_size": 20},
			`{"startTimestamp": 0, "endTimestamp": 0, "remindStartTimestamp": 0, "remindEndTimestamp": 0, "createStaff": "",
			  "remindStaff": "", "WecharId": 0, "wechatNober": "", "usersate": -1, "chargeDaffairesId": 0, "pageIndex": 1, "pageSize": 20}`},
		{"api-202039667", "todo.count", map[string]any{"created_since": 0, "created_until": 0, "remind_since": 0, "remind_until": 0, "creator": "", "recipient": "",
			"account": 0, "account_wechat": "", "state": "all"},
			`{"startTimestamp": 0, "endTimestamp": 0, "remindStartTimestamp": 0, "remindEndTimestamp": 0, "createStaff": "",
			  "remindStaff": "", "WecharId": 0, "wechatNober": "", "usersate": -1}`},
		{"api-104808957", "ad.list", map[string]any{"number": "", "min_cost": 0, "max_cost": 0, "since": "2024-01-01", "until": "2024-12-31", "state": "all", "origin": "all", "page_size": 10},
			`{"code": "", "name": "", "minCosts": 0, "maxCosts": 0, "startTime": "2024-01-01 00:00:00", "endTime": "2024-12-31 23:59:59",
			  "state": -1, "buildType": -1, "pageIndex": 1, "pageSize": 10}`},
		{"api-104812541", "ad.count", map[string]any{"number": "", "min_cost": 0, "max_cost": 0, "since": "2024-01-01", "until": "2024-12-31", "state": "all", "origin": "all"},
			`{"code": "", "name": "", "minCosts": 0, "maxCosts": 0, "startTime": "2024-01-01 00:00:00", "endTime": "2024-12-31 23:59:59",
			  "state": -1, "buildType": -1}`},
		{"api-246250990", "bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "123"}, map[string]any{"image": "http://media.example/a.png?cos=3"},
			map[string]any{"video": map[string]any{"url": "http://media.example/a.mp4?cos=3"}}}},
			`{"task_content": [{"data": {"content": "123"}, "type": "0"},
			  {"data": {"imgName": "a.png", "imgFormat": "png", "imgMediaUrl": "http://media.example/a.png?cos=3"}, "type": "1"},
			  {"data": {"videoName": "a.mp4", "videoFormat": "mp4", "videoMediaUrl": "http://media.example/a.mp4?cos=3"}, "type": "2"}]}`},
		{"api-246344473", "bulk_send.delete", map[string]any{"id": 853}, `{"ad_bulk_send_id": 853}`},
		{"api-308368716", "meeting_call.list", map[string]any{"since": "", "until": "", "account_number": "", "account_name": "", "staff": "001", "kind": "archive",
			"account_type": "all", "account": 135389, "friend": "wxid_example", "page_size": 20},
			`{"startDate": "", "endDate": "", "ad_wechat_nober": "", "ad_wechat_nick": "", "ad_staff_code": "001",
			  "msg_type": "meeting_voice_call", "wechat_lei": "-1", "wechat_id": "135389", "fans_key": "wxid_example", "PageIndex": 1, "PageSize": 20}`},
		{"api-74095091", "callback.register", map[string]any{"url": "https://example.com/hook", "product": "qkb"}, `{"url": "https://example.com/hook", "type": 100}`},
		{"api-103374627", "event.subscribe", map[string]any{"url": "https://example.com/hook", "app": "app", "events": []any{"chat"}},
			`{"url": "https://example.com/hook", "appId": "app", "messageTypes": ["chat"]}`},
		{"doc-3385685", "v1.accounts", map[string]any{"account_type": "personal"}, `{"ad_wechat_lei": 0}`},
		{"doc-3385677", "v1.friends", map[string]any{"account": 2538},
			`{"Wechat_id": 2538, "Page": 1, "PageSize": 100, "order_by_key": "ad_relation_id", "order_by_model": "asc"}`},
		{"doc-3385687", "v1.add_friend", map[string]any{"account": "agsoft", "friend": "2254", "greeting": "001", "id": "agsoft0251", "staff": "001"},
			`{"ReceiVerId": "agsoft", "Wechat_Moble": "2254", "GreeTing": "001", "PcKid": "agsoft0251", "sffcode": "001"}`},
	}
}

// TestRequestsOfThePages builds every request example of the vendor's pages through a step, and compares field by field. The
// messages and the takeover are in TestBodies.
func TestRequestsOfThePages(t *testing.T) {
	schemas := requestSchemas(t)
	for _, test := range requests() {
		t.Run(test.page+" "+test.step, func(t *testing.T) {
			api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000}}
			sent(t, newCatalogue(t, api), test.step, test.with)
			if test.want == "" {
				require.Empty(t, api.body)
				return
			}
			require.JSONEq(t, test.want, string(api.body))
			conforms(t, schemas, api.operation, api.body)
		})
	}
}

// sent performs a step, and asks for the first row where it gives rows.
func sent(t *testing.T, catalogue *Catalogue, step string, with map[string]any) engine.Outcome {
	t.Helper()
	action, err := prepare(t, catalogue, step, with)
	require.NoError(t, err)
	outcome := action.Perform(t.Context())
	if rows, ok := outcome.Outputs["rows"].(engine.Rows); ok {
		reader, err := rows.Open(t.Context())
		require.NoError(t, err)
		_, _, err = reader.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	return outcome
}

// TestEveryOperationHasARequest keeps the table whole.
func TestEveryOperationHasARequest(t *testing.T) {
	catalogue := newCatalogue(t, nil)
	elsewhere := []string{ // those of TestBodies, and those of which no page shows a request
		youmi.OperationSend, youmi.OperationApplyTakeover, youmi.OperationEndTakeover, youmi.OperationSendNotification, youmi.OperationGetChat,
		youmi.OperationGetAllStaffList,
	}
	for _, name := range catalogue.Names() {
		operation := catalogue.entries[name].operation
		if operation == "" || slices.Contains(elsewhere, operation) {
			continue
		}
		require.True(t, slices.ContainsFunc(requests(), func(r request) bool { return catalogue.entries[r.step].operation == operation }), name)
	}
}

// TestAssumedRequests holds what is sent where no page shows a request.
func TestAssumedRequests(t *testing.T) {
	schemas := requestSchemas(t)
	for _, test := range []request{
		{"", "notification.send", map[string]any{"text": "a", "staff": "001", "account": "135389", "friend": "f", "account_wxid": "w"},
			`{"content": "a", "staff_code": "001", "ad_wechat_id": 135389, "ad_friend_wenober": "f", "ad_original_nober": "w"}`},
		{"", "chat.read", map[string]any{"account": 1, "friend": "f", "since": time.Unix(1700000000, 0), "until": "2024-01-31", "page": 2, "page_size": 10},
			`{"wechatId": 1, "fansKe": "f", "startTimestamp": 1700000000, "endTimestamp": 1706716799, "pageIndex": 2, "pageSize": 10}`},
		{"", "chat.read", nil, `{"pageIndex": 1, "pageSize": 50}`},
		{"", "system.staff", nil, `{}`},
		{"", "system.staff", map[string]any{"include_disabled": true}, `{"staffState": 1}`},
		{"", "audience.friends", map[string]any{"account": "135389", "chatted_since": "2024-01-01", "limit": 5},
			`{"wechatId": 135389, "lastChatStartTime": 1704038400, "pageIndex": 1, "pageSize": 100}`},
		{"", "audience.friends", map[string]any{"account": "135389", "source": "v1", "added_until": "2024/1/1", "page_size": 20},
			`{"Wechat_id": 135389, "EndTime": "2024-01-01 23:59:59", "order_by_key": "ad_relation_id", "order_by_model": "asc", "Page": 1, "PageSize": 20}`},
		{"", "bulk_send.save", map[string]any{"as": "text", "messages": []any{map[string]any{"text": "a"}}, "fields": map[string]any{"wechat_ids": []any{1}}},
			`{"task_content": "[{\"data\":{\"content\":\"a\"},\"type\":\"0\"}]", "wechat_ids": [1]}`},
		{"", "todo.add_plain", map[string]any{"friend": "f", "unbind_owner": true}, `{"Weixin": "f"}`},
	} {
		api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000}}
		sent(t, newCatalogue(t, api), test.step, test.with)
		require.JSONEq(t, test.want, string(api.body), test.step)
		conforms(t, schemas, api.operation, api.body)
	}
}

// TestRawCalls holds that everything is passed as it is, and that the declared effect is the call's.
func TestRawCalls(t *testing.T) {
	api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, RequestID: "r", Values: []byte(`{"a": 1}`)}}
	action, err := prepare(t, newCatalogue(t, api), "api.call", map[string]any{"effect": "idempotent", "version": "v1", "method": "PUT", "path": "/friend/x",
		"query": map[string]any{"id": 7, "all": true}, "body": map[string]any{"b": []any{1, "<"}}, "account": 135389, "friend": "f"})
	require.NoError(t, err)
	require.Equal(t, "PUT /friend/x", action.Request.Operation)
	require.Equal(t, "idempotent", string(action.Request.Effect))
	require.Equal(t, "135389", action.Request.Account)
	require.Equal(t, "f", action.Request.Friend)
	require.JSONEq(t, `{"query": {"id": ["7"], "all": ["true"]}, "body": {"b": [1, "<"]}}`, string(action.Request.Body))
	outcome := action.Perform(t.Context())
	require.Equal(t, engine.Succeeded, outcome.State)
	require.Equal(t, map[string]any{"values": map[string]any{"a": 1}, "code": 20000, "request_id": "r"}, outcome.Outputs)
	require.Equal(t, "v1", api.raw.Version)
	require.Equal(t, "all=true&id=7", api.raw.Query.Encode())
	require.JSONEq(t, `{"b": [1, "<"]}`, string(api.body))

	action, err = prepare(t, newCatalogue(t, api), "api.call", map[string]any{"effect": "read", "method": "GET", "path": "/v2/x"})
	require.NoError(t, err)
	require.Empty(t, action.Request.Body)
	require.Equal(t, engine.Succeeded, action.Perform(t.Context()).State)
	require.Nil(t, api.raw.Body)
}

// pages is an API that answers as told, call by call.
type pages struct {
	answers []func() (*youmi.Response, error)
	bodies  []string
}

func (p *pages) Raw(context.Context, youmi.Request) (*youmi.Response, error) { panic("not asked for") }

func (p *pages) Call(_ context.Context, _ string, body any) (*youmi.Response, error) {
	text, _ := youmi.Encode(body)
	p.bodies = append(p.bodies, string(text))
	if len(p.bodies) > len(p.answers) {
		return p.answers[len(p.answers)-1]()
	}
	return p.answers[len(p.bodies)-1]()
}

func page(values string) func() (*youmi.Response, error) {
	return func() (*youmi.Response, error) {
		return &youmi.Response{Succeed: true, Code: 20000, Values: json.RawMessage(values)}, nil
	}
}

func broken(err error) func() (*youmi.Response, error) {
	return func() (*youmi.Response, error) { return nil, err }
}
