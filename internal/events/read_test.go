package events_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/events"
)

func newPipe(t *testing.T) (io.Reader, io.Writer) {
	t.Helper()
	reader, writer := io.Pipe()
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	// A buffer, so that the writer does not wait for the reader.
	out := make(chan []byte, 16)
	go func() {
		for part := range out {
			if _, err := writer.Write(part); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { close(out) })
	return reader, channelWriter(out)
}

type channelWriter chan<- []byte

func (w channelWriter) Write(p []byte) (int, error) {
	w <- append([]byte(nil), p...)
	return len(p), nil
}

func received() time.Time { return time.Date(2026, 11, 11, 2, 0, 0, 0, time.UTC) }

func read(text string) events.Event { return events.Read([]byte(text), received()) }

func TestEveryTypeIsRecognised(t *testing.T) {
	for number, kind := range []events.Kind{
		events.KindLabels, events.KindMessageSent, events.KindCustomerChanged, events.KindGroup, events.KindMessageReceived,
		events.KindFriends, events.KindDeviceFault, events.KindMomentReaction, events.KindMomentReply,
	} {
		for _, form := range []string{`%d`, `"%d"`} {
			e := read(fmt.Sprintf(`{"Type": `+form+`, "MerchantId": "9527", "MsgTime": 1600239001, "Values": {"a": 1}}`, number))
			require.Equal(t, []any{events.SourceV1, kind, fmt.Sprint(number)}, []any{e.Source, e.Kind, e.Type})
			require.JSONEq(t, `{"a": 1}`, string(e.Values))
		}
	}
	for name, kind := range map[string]events.Kind{
		"fansInfoChange": events.KindFanChanged, "fansAttributionChange": events.KindOwnerChanged, "chat": events.KindChat, "rpaTaskResult": events.KindTaskResult,
	} {
		for _, field := range []string{"messageType", "MessageType", "eventType", "EventType", "event", "Event", "type", "Type"} {
			e := read(fmt.Sprintf(`{%q: %q, "data": {"a": 1}}`, field, name))
			require.Equal(t, []any{events.SourceV2, kind, name}, []any{e.Source, e.Kind, e.Type})
			require.JSONEq(t, `{"a": 1}`, string(e.Values))
		}
	}
}

func TestUnknownPushesAreKeptRaw(t *testing.T) {
	for _, body := range []string{`{"Type": 9}`, `{"Type": -1}`, `{"type": 4}`, `{"Type": 4.5}`, `{}`, `[]`, `[{"Type": 0}]`, `null`, `0`, `"chat"`, `not JSON`, `{"Type": {"a": 1}}`, `{"messageType": "newThing"}`, "\xff\xfe"} {
		e := read(body)
		require.Equal(t, []any{events.SourceUnknown, events.KindUnknown, body}, []any{e.Source, e.Kind, string(e.Raw)}, body)
		require.Equal(t, received(), e.At)
		require.NotEmpty(t, e.ID)
	}
	require.Equal(t, "newThing", read(`{"messageType": "newThing"}`).Type)
}

func TestTimesAndMerchants(t *testing.T) {
	want := time.Unix(1600239001, 0)
	for _, form := range []string{`1600239001`, `"1600239001"`, `1600239001000`, `"1600239001000"`, `1.600239001e9`, `"2020-09-16T14:50:01.0000000+08:00"`, `"2020/9/16 14:50:01"`} {
		e := read(`{"Type": 0, "MsgTime": ` + form + `}`)
		require.True(t, want.Equal(e.At), "%s: %v", form, e.At)
	}
	for _, form := range []string{`0`, `-5`, `""`, `null`, `"soon"`, `{}`, `1e300`, `"NaN"`, `"Inf"`, `99999999999999999`} {
		require.Equal(t, received(), read(`{"Type": 0, "MsgTime": `+form+`}`).At, form)
	}
	for form, want := range map[string]string{`9527`: "9527", `"9527"`: "9527", `null`: "", `""`: ""} {
		require.Equal(t, want, read(`{"Type": 0, "MerchantId": `+form+`}`).Merchant)
	}
}

func TestWhomItIsAbout(t *testing.T) {
	e := read(`{"Type": 4, "Values": {"ad_wechat_id": 135389, "ad_friend_wenober": "wxid_a", "ad_chatting_content": "有优惠吗 🎉"}}`)
	require.Equal(t, []string{"135389", "wxid_a", "有优惠吗 🎉"}, []string{e.Account, e.Friend, e.Content})
	e = read(`{"Type": 4, "Values": "{\"ad_wechat_id\": 7, \"ad_friend_wenober\": \"wxid_b\"}"}`)
	require.Equal(t, []string{"7", "wxid_b"}, []string{e.Account, e.Friend}, "a payload that is sent as text")
	require.JSONEq(t, `{"ad_wechat_id": 7, "ad_friend_wenober": "wxid_b"}`, string(e.Values))
	for _, values := range []string{`null`, `[]`, `[{"ad_wechat_id": 7}]`, `7`, `"text"`, `{"ad_wechat_id": {"id": 7}}`} {
		e := read(`{"Type": 4, "Values": ` + values + `}`)
		require.Equal(t, events.KindMessageReceived, e.Kind)
		require.Empty(t, e.Account+e.Friend, values)
	}
}

// A repetition has the ID of the first push, and nothing else has.
func TestIDs(t *testing.T) {
	seen := map[string]string{}
	for _, body := range []string{
		label, strings.Replace(label, "1600239001", "1600239002", 1), `{"messageType":"chat","messageId":"1"}`, `{"messageType":"chat","messageId":"2"}`,
		`{"messageType":"rpaTaskResult","messageId":"1"}`, `{"Type":4,"messageId":"1"}`, `x`, `xx`, `1`, `"1"`,
	} {
		e := read(body)
		require.Len(t, e.ID, 32)
		require.Equal(t, e.ID, events.Read([]byte(body), received().Add(time.Hour)).ID)
		require.Empty(t, seen[e.ID], "%s and %s", body, seen[e.ID])
		seen[e.ID] = body
	}
	first, again := read(`{"messageType":"chat","messageId":"1","msgTime":1600239001}`), read(`{"messageType":"chat","messageId":"1","msgTime":1600239002}`)
	require.Equal(t, first.ID, again.ID, "the platform's id goes before the body")
	require.Zero(t, first.Window)
	require.Equal(t, events.DefaultWindow, read(label).Window)
	for _, empty := range []string{`null`, `""`, `0`, `{}`} {
		require.Equal(t, events.DefaultWindow, read(`{"messageType":"chat","messageId":`+empty+`}`).Window, "no id")
	}
	// An id that may be something else's does not swallow events.
	require.NotEqual(t, read(`{"messageType":"chat","id":1,"data":{"a":1}}`).ID, read(`{"messageType":"chat","id":1,"data":{"a":2}}`).ID)
}

// Whatever the body holds, reading ends in an event with an ID, a time that a ledger can keep, and texts that are UTF-8.
func FuzzRead(f *testing.F) {
	for _, body := range []string{label, `{"messageType":"chat","messageId":"1","values":{"ad_wechat_id":1}}`, `{"Type":"4","Values":"{}"}`, `[]`, "\xef\xbb\xbf{}", "\xff"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := events.Read(body, received())
		require.Len(t, e.ID, 32)
		require.Equal(t, e.ID, events.Read(body, received().Add(time.Second)).ID)
		require.Equal(t, body, e.Raw)
		require.True(t, e.At.Year() >= 1 && e.At.Year() < 10000, "%v", e.At)
		require.Equal(t, e.Kind == events.KindUnknown, e.Source == events.SourceUnknown)
		if e.Values != nil {
			require.True(t, json.Valid(e.Values))
		}
		for _, text := range []string{e.Type, e.Account, e.Friend, e.Content, e.Merchant} {
			require.Equal(t, strings.ToValidUTF8(text, ""), text)
		}
	})
}
