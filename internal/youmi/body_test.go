package youmi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plainJSON is what encoding/json makes of a body.
func plainJSON(t require.TestingT, body any) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(body))
	return string(bytes.TrimSuffix(buffer.Bytes(), []byte("\n")))
}

// Bodies are written as encoding/json writes them, whatever stands in their fields, also in ones that are added later.
func TestBodiesAreWrittenAsEncodingJSONWould(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "<a href=\"x\">&", "\u2028\u2029", "a\xffb\xed\xa0\x80", "\x00\x1f\b\f\n\r\t\\\"", "你好"}))
	rapid.Check(t, func(t *rapid.T) {
		for _, body := range []any{&Message{}, &TakeoverApplication{}, &TakeoverEnd{}} {
			fill(t, reflect.ValueOf(body).Elem(), text)
			got, ok := writeBody(body)
			require.True(t, ok)
			require.Equal(t, plainJSON(t, body), string(got))
		}
	})
	for _, body := range []any{&Message{}, &TakeoverApplication{}, &TakeoverEnd{}} {
		got, _ := writeBody(body)
		require.Equal(t, plainJSON(t, body), string(got))
	}
}

// fill sets every field of a struct, and those within it, to something.
func fill(t *rapid.T, value reflect.Value, text *rapid.Generator[string]) {
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			fill(t, value.Field(i), text)
		}
	case reflect.Slice:
		length := rapid.IntRange(0, 3).Draw(t, "length")
		value.Set(reflect.MakeSlice(value.Type(), length, length))
		for i := range length {
			fill(t, value.Index(i), text)
		}
	case reflect.String:
		value.SetString(text.Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		value.SetInt(rapid.Int64().Draw(t, "number"))
	default:
		t.Fatalf("a field of kind %s is not written", value.Kind())
	}
}

func BenchmarkBody(b *testing.B) {
	message := &Message{WechatID: "135380", ToUserName: "wxid_000000000001", Content: Content{MsgType: TypeBatch}, Batch: []Content{
		{MsgType: TypeText, Text: "客户，双11快乐！你的专属券 D11-88 已到账，今晚 8 点开始可用。"},
		{MsgType: TypeImage, ImageURL: "https://img.example.com/double11/poster.png", Format: "png"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encodeJSON(message); err != nil {
			b.Fatal(err)
		}
	}
}
