package steps

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
)

// answered performs a step whose call is answered with these values.
func answered(t *testing.T, step string, with map[string]any, values string) engine.Outcome {
	t.Helper()
	api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, RequestID: "r", Values: json.RawMessage(values)}}
	action, err := prepare(t, newCatalogue(t, api), step, with)
	require.NoError(t, err)
	return action.Perform(t.Context())
}

func TestCounts(t *testing.T) {
	for values, want := range map[string]int{`12`: 12, `"12"`: 12, `{"count":3}`: 3, `{"total":3,"name":"x"}`: 3, `0`: 0} {
		for _, step := range []string{"friend.count", "todo.count", "ad.count"} {
			outcome := answered(t, step, nil, values)
			require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
			require.Equal(t, want, outcome.Outputs["count"], values)
		}
	}
	for _, values := range []string{``, `null`, `true`, `"many"`, `{"a":1,"b":2}`, `[]`, `1.5`} {
		outcome := answered(t, "friend.count", nil, values)
		require.Equal(t, engine.Failed, outcome.State, values)
		require.Equal(t, "unreadable", outcome.Code)
		require.Contains(t, outcome.Message, "GetFansCount: the answer holds no count")
	}
}

// TestWhatIsDoneStaysDone holds that no answer turns something that was done into a failure.
func TestWhatIsDoneStaysDone(t *testing.T) {
	todo := map[string]any{"account": 1, "friend": "f", "creator": "001", "title": "t", "text": "x", "remind_at": "2030-01-01"}
	for values, want := range map[string]string{`17`: "17", `"17"`: "17", `{"id":17}`: "17", `{"chargeDaffairesId":17,"a":1}`: "17", `true`: "", ``: "", `[1]`: ""} {
		outcome := answered(t, "todo.add", todo, values)
		require.Equal(t, engine.Succeeded, outcome.State)
		require.Equal(t, want, outcome.Outputs["number"], values)
	}
	outcome := answered(t, "bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "a"}}}, `{"ad_bulk_send_id":853}`)
	require.Equal(t, "853", outcome.Outputs["id"])
}

func TestDepartments(t *testing.T) {
	outcome := answered(t, "system.departments", nil, `[{"departid":1,"departname":"销售部"},7]`)
	require.Equal(t, []any{map[string]any{"id": 1, "name": "销售部"}}, outcome.Outputs["departments"])
	require.Equal(t, []any{map[string]any{"departid": 1, "departname": "销售部"}, 7}, outcome.Outputs["values"])
	require.Equal(t, 20000, outcome.Outputs["code"])
	require.Equal(t, "r", outcome.Outputs["request_id"])
	require.Equal(t, []any{}, answered(t, "system.departments", nil, `null`).Outputs["departments"])
}

// TestRecords is the table of api-185486756.
func TestRecords(t *testing.T) {
	encoded := url.QueryEscape
	for name, test := range map[string]struct {
		kind              int
		content, reserved string
		want              map[string]any
	}{
		"text":             {1, "你好", "", map[string]any{"kind": "text", "text": "你好"}},
		"image":            {2, "imgs[k1]", "", map[string]any{"kind": "image", "media_key": "k1"}},
		"image of type 4":  {4, "imgs[k1]", "", map[string]any{"kind": "image", "media_key": "k1"}},
		"voice of type 4":  {4, "audio[k1]", "", map[string]any{"kind": "voice", "media_key": "k1"}},
		"voice":            {34, "audioT[k1]", encoded(`{"downloadKey":"d","type":-1,"videoLen":7}`), map[string]any{"kind": "voice", "media_key": "k1", "seconds": 7}},
		"card":             {42, "MP[小王]", encoded(`{"nickname":"小王"}`), map[string]any{"kind": "card", "name": "小王"}},
		"card in reserve":  {42, "", encoded(`{"nickname":"小王"}`), map[string]any{"kind": "card", "name": "小王"}},
		"location":         {48, "a(https://e.com/l)", encoded(`{"desc":"d","thumbUrl":"t","title":"公司","url":"https://e.com/u"}`), map[string]any{"kind": "location", "link": map[string]any{"url": "https://e.com/u", "title": "公司", "description": "d", "thumbnail": "t"}}},
		"link":             {49, "a(https://e.com/a(b))", encoded(`{"title":"t"}`), map[string]any{"kind": "link", "link": map[string]any{"url": "https://e.com/a(b)", "title": "t", "description": "", "thumbnail": ""}}},
		"video chat":       {50, "", "", map[string]any{"kind": "video_chat"}},
		"invitation":       {495, "", encoded(`{"title":"t","url":"u"}`), map[string]any{"kind": "group_invitation", "link": map[string]any{"url": "u", "title": "t", "description": "", "thumbnail": ""}}},
		"file":             {496, "file[k]", encoded(`{"title":"报价 单+1.pdf","totalLen":"1024","url":""}`), map[string]any{"kind": "file", "media_key": "k", "file": map[string]any{"title": "报价 单+1.pdf", "size": 1024, "url": ""}}},
		"shared card":      {1001, "", "", map[string]any{"kind": "shared_card"}},
		"chat record":      {4919, "x", "", map[string]any{"kind": "chat_record", "text": "x"}},
		"mini program":     {4933, "", encoded(`{"appid":"wx1"}`), map[string]any{"kind": "mini_program", "reserved": map[string]any{"appid": "wx1"}}},
		"unknown":          {12345, "?", "%zz", map[string]any{"kind": "other", "text": "?", "reserved": nil}},
		"reserved in vain": {49, "a(u)", "no JSON", map[string]any{"reserved": nil, "link": map[string]any{"url": "u", "title": "", "description": "", "thumbnail": ""}}},
		"not encoded":      {49, "", `{"title":"100%"}`, map[string]any{"reserved": map[string]any{"title": "100%"}}},
		"encoded twice":    {49, "", encoded(encoded(`{"title":"t"}`)), map[string]any{"reserved": map[string]any{"title": "t"}}},
		"broken form":      {2, "imgs[k1", "", map[string]any{"kind": "image", "media_key": "", "text": "imgs[k1"}},
	} {
		t.Run(name, func(t *testing.T) {
			row, err := json.Marshal([]any{map[string]any{"ad_chatting_type": test.kind, "ad_chatting_content": test.content, "ad_chatting_resvred": test.reserved,
				"ad_chatting_time": 1700000000, "ad_chatting_issend": 1}})
			require.NoError(t, err)
			outcome := answered(t, "chat.read", nil, string(row))
			require.Equal(t, engine.Succeeded, outcome.State, outcome.Message)
			message := outcome.Outputs["messages"].([]any)[0].(map[string]any)
			for field, want := range test.want {
				require.Equal(t, want, message[field], field)
			}
			require.Equal(t, true, message["sent"])
			require.Equal(t, 1700000000, message["time"])
			require.Equal(t, test.kind, message["type"])
		})
	}
}

// FuzzRecords reads whatever a platform may hold: it never panics, and every record has every field.
func FuzzRecords(f *testing.F) {
	f.Add(`[{"ad_chatting_type":49,"ad_chatting_content":"a(u)","ad_chatting_resvred":"%7B%22title%22%3A%22t%22%7D"}]`)
	f.Add(`{"list":[{"ad_chatting_type":"34","ad_chatting_resvred":{"videoLen":1}}],"total":1}`)
	f.Add(`[null,1,{"ad_chatting_content":[],"ad_chatting_resvred":7,"ad_chatting_issend":null}]`)
	f.Fuzz(func(t *testing.T, values string) {
		if !json.Valid([]byte(values)) {
			return // the envelope would not have been read
		}
		outputs, err := answer(&youmi.Response{Values: json.RawMessage(values)})
		if err != nil || records(outputs) != nil {
			return
		}
		for _, message := range outputs["messages"].([]any) {
			for _, field := range recordFields() {
				require.Contains(t, message, field.Name)
			}
			_, err := json.Marshal(message)
			require.NoError(t, err)
		}
	})
}

func TestNumbersStayWhatTheyAre(t *testing.T) {
	value, err := decodeValues([]byte(`{"a":1,"b":1.5,"c":12345678901234567890,"d":[9007199254740993],"e":1e3}`))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": 1, "b": 1.5, "c": "12345678901234567890", "d": []any{9007199254740993}, "e": "1e3"}, value)
}

func TestMoments(t *testing.T) {
	tests := []struct {
		value any
		at    edge
		want  string
	}{
		{"2026-11-11", dayStart, "2026-11-11 00:00:00"},
		{"2026-11-11", dayEnd, "2026-11-11 23:59:59"},
		{" 2026/1/2 ", dayEnd, "2026-01-02 23:59:59"},
		{"2026-11-11 10:00", dayEnd, "2026-11-11 10:00:00"},
		{"2026-11-11 9:30:15", dayStart, "2026-11-11 09:30:15"},
		{"2026-11-11T10:00:00", dayStart, "2026-11-11 10:00:00"},
		{"2026-11-11T10:00:00Z", dayStart, "2026-11-11 18:00:00"},
		{"2026-11-11 10:00:00+09:00", dayStart, "2026-11-11 09:00:00"},
		{time.Date(2026, 11, 11, 2, 0, 0, 0, time.UTC), dayStart, "2026-11-11 10:00:00"},
		{1704038400, dayStart, "2024-01-01 00:00:00"},
		{"1704038400", dayStart, "2024-01-01 00:00:00"},
		{1704038400.0, dayStart, "2024-01-01 00:00:00"},
	}
	for _, test := range tests {
		at, err := inputs{values: map[string]any{"x": test.value}}.moment("x", beijing(), test.at)
		require.NoError(t, err, test.value)
		require.Equal(t, test.want, at.In(beijing()).Format(clockLayout), test.value)
		if text, ok := test.value.(string); ok {
			require.Regexp(t, momentPattern, text)
		}
	}
	for _, value := range []any{"11.11.2026", "2026-13-01", "2026-02-30", "yesterday", "25:00", true, []any{}, 1.5, "1704038400000", 1704038400000, "2026-11-11 10:00 Uhr", -5_000_000_000} {
		_, err := inputs{values: map[string]any{"x": value}}.moment("x", beijing(), dayStart)
		require.ErrorContains(t, err, "x ", "%v", value)
	}
}

// TestTheProjectsZone sends one moment in the forms of several operations.
func TestTheProjectsZone(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	for _, zone := range []*time.Location{beijing(), newYork, time.UTC} {
		api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, Values: []byte(`1`)}}
		catalogue, err := New(Config{API: func(string) (API, error) { return api, nil }, Location: zone})
		require.NoError(t, err)
		midnight := time.Date(2024, 7, 1, 0, 0, 0, 0, zone).Unix()
		sent(t, catalogue, "report.activations", map[string]any{"day": time.Date(2024, 7, 1, 13, 0, 0, 0, zone)})
		require.Contains(t, string(api.body), fmt.Sprintf(`"time":%d`, midnight))
		sent(t, catalogue, "friend.count", map[string]any{"added_since": "2024-07-01", "added_until": "2024-07-01"})
		require.Contains(t, string(api.body), fmt.Sprintf(`"addStartTime":%d`, midnight))
		require.Contains(t, string(api.body), fmt.Sprintf(`"addEndTime":%d`, midnight+86399))
		sent(t, catalogue, "ad.count", map[string]any{"since": midnight})
		require.Contains(t, string(api.body), `"startTime":"2024-07-01 00:00:00"`)
	}
}

func TestRefusalsOfOperations(t *testing.T) {
	todo := func(pairs ...any) map[string]any {
		with := map[string]any{"account": 1, "friend": "f", "title": "t", "text": "x", "remind_at": "2030-01-01"}
		for i := 0; i < len(pairs); i += 2 {
			with[pairs[i].(string)] = pairs[i+1]
		}
		return with
	}
	tests := []struct {
		step string
		with map[string]any
		want string
	}{
		{"todo.add", todo(), "creator is empty: the platform would take the customer away from their owner; to have it so, set unbind_owner: true"},
		{"todo.add", todo("creator", ""), "creator is empty"},
		{"todo.add", todo("creator", "001", "unbind_owner", true), "creator and unbind_owner contradict each other"},
		{"todo.add_plain", map[string]any{"friend": "f", "unbind_owner": false}, "creator is empty"},
		{"todo.add", todo("creator", "001", "title", ""), "title is empty"},
		{"todo.add", todo("creator", "001", "remind_at", ""), "remind_at is empty"},
		{"todo.add", todo("creator", "001", "account", "shop"), `account must be a whole number, not "shop"`},
		{"todo.add", todo("creator", "001", "recipients", []any{"a", ""}), "recipients[1] is empty"},
		{"todo.add", todo("creator", "001", "recipients", "a"), "recipients must be a list"},
		{"todo.add", todo("creator", "001", "account_type", "sms"), "account_type must be personal, wecom, official_account or mini_program"},
		{"conversation.activate", map[string]any{"account": 0, "friend": "f"}, "account and account_wxid are both empty"},
		{"conversation.activate", map[string]any{"account": 1, "activation_type": 2}, "text is empty, and an activation of type 2 needs one"},
		{"notification.send", map[string]any{"text": " "}, "text is empty"},
		{"report.activations", map[string]any{"day": ""}, "day is missing"},
		{"report.activations", nil, "day must be a time such as 2026-11-11"},
		{"friend.list", map[string]any{"page_size": 0}, "page_size is 0; it must be 1 to 1000"},
		{"friend.list", map[string]any{"limit": 0}, "limit is 0"},
		{"friend.list", map[string]any{"added_since": "soon"}, `added_since must be a time such as`},
		{"chat.read", map[string]any{"page_size": 1000}, "page_size is 1000; it must be 1 to 200"},
		{"audience.friends", map[string]any{"source": "v3"}, `source must be v2 or v1, not "v3"`},
		{"audience.friends", map[string]any{"source": "v1", "name": "x"}, "version 1 of the API cannot filter by name"},
		{"audience.friends", map[string]any{"columns": "x"}, "columns must be an object"},
		{"meeting_call.list", map[string]any{"staff": "1", "account": "1", "friend": ""}, "friend is empty"},
		{"callback.register", map[string]any{"url": "example.com"}, "url must be an http or https address"},
		{"event.subscribe", map[string]any{"url": "https://e.com"}, "events must be a list, not nothing"},
		{"bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "a", "image": "b"}}}, "messages[0].exactly one of text, image, video"},
		{"bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "a"}}, "fields": map[string]any{"task_content": 1}}, "fields holds task_content, which an input of its own gives already"},
		{"v1.add_friend", map[string]any{"account": "a", "friend": "f", "greeting": "", "id": "1"}, "greeting is empty"},
		{"api.call", map[string]any{"path": "/x"}, "effect must be read, idempotent or message, not nothing"},
		{"api.call", map[string]any{"effect": "none", "path": "/x"}, `effect must be read, idempotent or message, not "none"`},
		{"api.call", map[string]any{"effect": "read", "path": "https://elsewhere.example/x"}, "the path must not be a whole address"},
		{"api.call", map[string]any{"effect": "read", "path": "/a/../b"}, "segment of dots"},
		{"api.call", map[string]any{"effect": "read", "path": "/a", "method": "GET", "body": 1}, "a GET has no body"},
		{"api.call", map[string]any{"effect": "read", "path": "/a", "query": map[string]any{"a": []any{}}}, "query.a must be a text or a number, not a list"},
	}
	catalogue := newCatalogue(t, nil)
	for _, test := range tests {
		t.Run(test.step+" "+test.want, func(t *testing.T) {
			_, err := prepare(t, catalogue, test.step, test.with)
			require.ErrorContains(t, err, test.want)
		})
	}
}
