package youmi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEnvelopes holds every oddity that the pages show (sections 1.4 and 6 of the facts file), and what it means.
func TestEnvelopes(t *testing.T) {
	tests := []struct {
		name, body string
		verdict    Verdict
		want       Response
	}{
		{"as documented", `{"requestId":"string","errmsg":20000,"succeed":true,"msgTime":"string","values":{"taskId":"t"},"errdesc":"string"}`, Succeeded,
			Response{RequestID: "string", Code: 20000, HasCode: true, Succeed: true, Time: "string", Text: "string", Values: json.RawMessage(`{"taskId":"t"}`)}},
		{"recorded, v2: null request id", `{"requestId": null, "errmsg": 20000, "succeed": true, "msgTime": "2024-12-19T17:22:24.312+08:00"}`, Succeeded,
			Response{Code: 20000, HasCode: true, Succeed: true, Time: "2024-12-19T17:22:24.312+08:00"}},
		{"v1: no request id, success code of a fetch", `{"errmsg": 10004, "succeed": true, "msgTime": "2020-06-23T15:46:11.6561987+08:00", "values": {"expires_in": 1593503171}}`, Succeeded,
			Response{Code: 10004, HasCode: true, Succeed: true, Time: "2020-06-23T15:46:11.6561987+08:00", Values: json.RawMessage(`{"expires_in": 1593503171}`)}},
		{"a boolean payload, empty errdesc", `{"msgTime": "2018/5/11 14:47:48", "errmsg": 20000, "succeed": true, "values": true, "errdesc": ""}`, Succeeded,
			Response{Code: 20000, HasCode: true, Succeed: true, Time: "2018/5/11 14:47:48", Values: json.RawMessage(`true`)}},
		{"an array", `{"errmsg":20000,"succeed":true,"values":[{"departid":0}],"errdesc":null}`, Succeeded,
			Response{Code: 20000, HasCode: true, Succeed: true, Values: json.RawMessage(`[{"departid":0}]`)}},
		{"v1: a bare object for a list", `{"msgTime": "2018/5/11 14:32:40", "errmsg": 20000, "succeed": true, "values": {"ad_friend_id": 1153549}}`, Succeeded,
			Response{Code: 20000, HasCode: true, Succeed: true, Time: "2018/5/11 14:32:40", Values: json.RawMessage(`{"ad_friend_id": 1153549}`)}},
		{"v1: a time in braces", `{"msgTime": "{2018/5/11 14:47:48}", "errmsg": 20000, "succeed": true, "values": true, "errdesc": ""}`, Succeeded,
			Response{Code: 20000, HasCode: true, Succeed: true, Time: "{2018/5/11 14:47:48}", Values: json.RawMessage(`true`)}},
		{"a code in a string", `{"errmsg":"20000","succeed":true}`, Succeeded, Response{Code: 20000, HasCode: true, Succeed: true}},
		{"a request id that is a number", `{"requestId":12,"errmsg":20000,"succeed":true}`, Succeeded, Response{RequestID: "12", Code: 20000, HasCode: true, Succeed: true}},
		{"a byte order mark", "\xef\xbb\xbf" + `{"errmsg":20000,"succeed":true}`, Succeeded, Response{Code: 20000, HasCode: true, Succeed: true}},
		{"escaped text", `{"errmsg":200012,"succeed":false,"errdesc":"\u53c2\u6570\"x\""}`, Failed, Response{Code: 200012, HasCode: true, Text: `参数"x"`}},
		{"refused", `{"errmsg":200009,"succeed":false,"values":null}`, Failed, Response{Code: 200009, HasCode: true, Values: json.RawMessage(`null`)}},
		{"refused without a code", `{"succeed":false}`, Failed, Response{}},
		{"token refused", `{"errmsg":10003,"succeed":false}`, NotSent, Response{Code: 10003, HasCode: true}},
		{"timestamp expired", `{"errmsg":10006,"succeed":false}`, NotSent, Response{Code: 10006, HasCode: true}},
		{"request too old", `{"errmsg":200005,"succeed":false}`, NotSent, Response{Code: 200005, HasCode: true}},
		{"contradiction: succeed with a failure's code", `{"errmsg":200013,"succeed":true}`, Unknown, Response{Code: 200013, HasCode: true, Succeed: true}},
		{"contradiction: succeed with the placeholder", `{"errmsg":0,"succeed":true}`, Unknown, Response{HasCode: true, Succeed: true}},
		{"contradiction: succeed with a refused token", `{"errmsg":10003,"succeed":true}`, Unknown, Response{Code: 10003, HasCode: true, Succeed: true}},
		{"contradiction: a success code without succeed", `{"errmsg":20000,"succeed":false}`, Unknown, Response{Code: 20000, HasCode: true}},
		{"succeed without a code", `{"succeed":true}`, Unknown, Response{Succeed: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseEnvelope([]byte(test.body))
			require.NoError(t, err)
			require.Equal(t, &test.want, got)
			require.Equal(t, test.verdict, got.verdict())
		})
	}
}

func TestUnreadableEnvelopes(t *testing.T) {
	for _, body := range []string{``, ` `, `null`, `[]`, `"ok"`, `{}`, `<html>`, `{"errmsg":20000}`, `{"errmsg":20000,"succeed":null}`, `{"errmsg":20000,"succeed":"true"}`,
		`{msgTime:{2018/5/11 14:47:48},errmsg:20000,succeed:true,values:true,errdesc:""}`, // a debugger's dump, as on doc-3385687
		`{"errmsg":2.5,"succeed":true}`, `{"errmsg":"ok","succeed":true}`, `{"errmsg":20000,"succeed":true} trailing`, `{"errmsg":20000,"succeed":true`, `{"errmsg":99999999999999999999,"succeed":true}`} {
		_, err := ParseEnvelope([]byte(body))
		require.Error(t, err, body)
	}
}

func TestTaskIDs(t *testing.T) {
	for values, want := range map[string]string{
		`{"taskId":"t1"}`: "t1", `{"taskId":17}`: "17", `{"taskId":null}`: "", `{}`: "", `true`: "", `[]`: "", `null`: "", ``: "", `"t"`: "",
	} {
		require.Equal(t, want, (&Response{Values: json.RawMessage(values)}).TaskID(), values)
	}
}

// TestTakeoverKeys holds the shapes that the answer to applyTakeOver may have; none was seen.
func TestTakeoverKeys(t *testing.T) {
	for values, want := range map[string]string{
		`"k-1"`: "k-1", `{"TakeOverKey":"k-1"}`: "k-1", `{"takeOverKey":"k-1"}`: "k-1", `{"take_over_key":"k-1"}`: "k-1", `{"takeover_key":17}`: "17",
		`{"key":"k-1"}`: "k-1", `{"data":{"TakeOverKey":"k-1"}}`: "k-1", `[{"TakeOverKey":"k-1"}]`: "k-1", `{"other":1,"TakeOverId":"k-1"}`: "k-1",
		`{"key":"no","TakeOverKey":"k-1"}`: "k-1", `{"takeOver":{"key":"k-1"}}`: "k-1",
		``: "", `null`: "", `true`: "", `1`: "", `0`: "", `{}`: "", `[]`: "", `""`: "", `"申请成功"`: "", `"all good"`: "", `{"TakeOverKey":null}`: "",
		`{"TakeOverKey":true}`: "", `{"TakeOverKey":0}`: "", `{"taskId":"t"}`: "", `[{"key":"a"},{"key":"b"}]`: "", `{"data":"k-1"}`: "",
	} {
		require.Equal(t, want, (&Response{Values: json.RawMessage(values)}).TakeoverKey(), values)
	}
}

func TestParseTime(t *testing.T) {
	china := time.FixedZone("", 8*60*60)
	for written, want := range map[string]time.Time{
		"2020-06-23T15:46:11.6561987+08:00": time.Date(2020, 6, 23, 15, 46, 11, 656198700, china),
		"2018/5/11 14:32:40":                time.Date(2018, 5, 11, 14, 32, 40, 0, china),
		"{2018/5/11 14:47:48}":              time.Date(2018, 5, 11, 14, 47, 48, 0, china),
		"2024-12-19T17:22:24.312":           time.Date(2024, 12, 19, 17, 22, 24, 312000000, china),
		"2024-12-19T17:22:24.3121234567":    time.Date(2024, 12, 19, 17, 22, 24, 312123456, china),
		"2024-12-19T09:22:24Z":              time.Date(2024, 12, 19, 17, 22, 24, 0, china),
		" 2024-12-19 17:22:24 ":             time.Date(2024, 12, 19, 17, 22, 24, 0, china),
	} {
		got, err := ParseTime(written)
		require.NoError(t, err, written)
		require.True(t, want.Equal(got), "%s: %s", written, got)
	}
	for _, written := range []string{"", "{}", "string", "2018/13/11 14:32:40", "{2018/5/11 14:47:48"} {
		_, err := ParseTime(written)
		require.Error(t, err, written)
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(done))
	f.Add([]byte(`{"requestId":12,"errmsg":"20000","succeed":true,"values":{"TakeOverKey":[{"key":"\u0000"}]}}`))
	f.Add([]byte(`{"errmsg":-0,"succeed":false,"errdesc":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		response, err := ParseEnvelope(body)
		if err != nil {
			return
		}
		_, _ = response.TaskID(), response.TakeoverKey()
		if response.verdict() == Succeeded {
			require.True(t, response.Succeed && (response.Code == CodeDone || response.Code == CodeFetched))
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("{2018/5/11 14:47:48}")
	f.Add("2020-06-23T15:46:11.6561987+08:00")
	f.Fuzz(func(t *testing.T, written string) {
		if at, err := ParseTime(written); err != nil {
			require.True(t, at.IsZero())
		}
	})
}
