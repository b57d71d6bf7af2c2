package steps

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRefusals holds what Prepare refuses, and that its words name the place.
func TestRefusals(t *testing.T) {
	message := func(name string, value any) map[string]any { return recipient(map[string]any{name: value}) }
	batch := func(elements ...any) map[string]any { return recipient(map[string]any{"messages": elements}) }
	object := func(pairs ...any) map[string]any {
		fields := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			fields[pairs[i].(string)] = pairs[i+1]
		}
		return fields
	}
	tests := []struct {
		name string
		step string
		with map[string]any
		want string
	}{
		{"no account", "message.send", object("friend", "f", "text", "a"), "account is empty"},
		{"blank account", "message.send", object("account", " ", "friend", "f", "text", "a"), "account is empty"},
		{"friend absent from the row", "message.send", object("account", 1, "friend", nil, "text", "a"), "friend is empty"},
		{"account of the wrong kind", "message.send", object("account", []any{}, "friend", "f", "text", "a"), "account must be a text, not a list"},
		{"takeover not held", "message.send", object("takeover", nil, "text", "a"), "takeover is empty: the conversation is not held"},
		{"takeover of the wrong kind", "message.send", object("takeover", "k", "text", "a"), "takeover must be the output"},
		{"takeover without a friend", "message.send", object("takeover", object("account", "1"), "text", "a"), "takeover.friend is empty"},
		{"channel", "message.send", recipient(object("channel", "sms", "text", "a")), `channel must be personal or wecom, not "sms"`},
		{"empty text", "message.send", message("text", ""), "text is empty"},
		{"blank text", "message.send", message("text", " \n\t　"), "text is empty"},
		{"no content", "message.send", recipient(nil), "one of text, image, video"},
		{"absent content", "message.send", message("text", nil), "one of text, image, video"},
		{"two contents", "message.send", recipient(object("text", "a", "card", "b")), "text and card are given: a message has one content"},
		{"long text", "message.send", message("text", strings.Repeat("字", maxText+1)), "text has 10001 characters; 10000 is the most"},
		{"broken text", "message.send", message("text", "a\xff"), "text is not valid UTF-8"},
		{"text of the wrong kind", "message.send", message("text", object()), "text must be a text, not an object"},
		{"image without an address", "message.send", message("image", object("format", "png")), "image.url is empty"},
		{"image of no format", "message.send", message("image", "https://e.com/a"), "image.format is missing"},
		{"relative image", "message.send", message("image", "a.png"), `image.url must be an http or https address, not "a.png"`},
		{"image on a disk", "message.send", message("image", "file:///a.png"), "image.url must be an http or https address"},
		{"address with a space", "message.send", message("image", "https://e.com/a b.png"), "image.url must be an http or https address"},
		{"video without suffix", "message.send", message("video", object("url", "https://e.com/v", "format", "mp4")), "video.url must end with the file's suffix"},
		{"file without a name", "message.send", message("file", object("url", "https://e.com/", "format", "pdf")), "file.title is missing"},
		{"file of no format", "message.send", message("file", "https://e.com/f"), "file.format is missing"},
		{"thumbnail", "message.send", message("link", object("url", "https://e.com", "thumbnail", "t.png")), "link.thumbnail must be an http"},
		{"card without a name", "message.send", message("card", object()), "card.name is empty"},
		{"wecom card as a text", "message.send", message("wecom_card", "n"), `wecom_card must be an object, not "n"`},
		{"wecom card without a company", "message.send", message("wecom_card", object("name", "n")), "wecom_card.company is empty"},
		{"refund of false", "message.send", message("refund", false), "refund can only be true, not a boolean"},
		{"empty batch", "message.batch", batch(), "messages has 0 elements; there must be 1 to 100"},
		{"no batch", "message.batch", recipient(nil), "messages must be a list, not nothing"},
		{"batch of texts", "message.batch", batch("a"), `messages[0] must be an object, not "a"`},
		{"long batch", "message.batch", batch(make([]any, 101)...), "messages has 101 elements"},
		{"empty text in a batch", "message.batch", batch(object("text", "a"), object("text", "")), "messages[1].text is empty"},
		{"two contents in a batch", "message.batch", batch(object("text", "a", "link", "https://e.com")), "messages[0].text and link are given"},
		{"card in a batch", "message.batch", batch(object("card", "a")), "messages[0].one of text, image, video, file, link"},
		{"batch image without suffix", "message.batch", batch(object("image", object("url", "https://e.com/a", "format", "png"))), "messages[0].image.url must end with the file's suffix"},
		{"forward from nobody", "message.forward", recipient(object("flags", []any{object("flag", "f", "type", "image", "time", 1, "index", 1)})), "from is empty"},
		{"forward of nothing", "message.forward", recipient(object("from", "u", "flags", []any{})), "flags has 0 elements"},
		{"flag without a time", "message.forward", recipient(object("from", "u", "flags", []any{object("flag", "f", "type", "image", "index", 1)})), "flags[0].time is missing"},
		{"flag with half a second", "message.forward", recipient(object("from", "u", "flags", []any{object("flag", "f", "type", "image", "time", 1.5, "index", 1)})), "flags[0].time must be a whole number, not 1.5"},
		{"apply for nobody", "takeover.apply", object("account", "1"), "friend is empty"},
		{"apply with a bad channel", "takeover.apply", recipient(object("channel", 3)), "channel must be personal or wecom, not 3"},
		{"end of what is none", "takeover.end", object("takeover", true), "takeover must be the output"},
		{"columns", "audience.file", object("path", "a.csv", "columns", "friend"), "columns must be an object"},
		{"rename", "audience.file", object("path", "a.csv", "columns", object("rename", []any{})), "columns.rename must be an object"},
		{"rename to nothing", "audience.file", object("path", "a.csv", "columns", object("rename", object("a", ""))), "columns.rename.a is empty"},
		{"require", "audience.file", object("path", "a.csv", "columns", object("require", "friend")), "columns.require must be a list"},
		{"require of what is no name", "audience.file", object("path", "a.csv", "columns", object("require", []any{""})), "columns.require[0] must be a column's name"},
		{"no path", "audience.file", object(), "path is empty"},
		{"assert with a bad message", "assert", object("that", true, "message", []any{}), "message must be a text"},
		{"log of an object", "log", object("message", object()), "message must be a text"},
	}
	catalogue := newCatalogue(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := prepare(t, catalogue, test.step, test.with)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestSuffixes(t *testing.T) {
	for name, want := range map[string]string{
		"a.png": "png", "a.tar.gz": "gz", "a": "", "a.": "", ".png": "", "a.报价": "", "v1.2 final": "", "a.averylongsuffix": "", "A.JPG": "JPG",
	} {
		require.Equal(t, want, suffix(name), name)
	}
}

func TestNumbersAsTexts(t *testing.T) {
	for value, want := range map[any]string{1: "1", int64(-7): "-7", 135389.0: "135389", 1.5: "1.5", 1e14: "100000000000000", "x": "x"} {
		got, ok := plain(value)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, value := range []any{nil, true, []any{}, map[string]any{}} {
		_, ok := plain(value)
		require.False(t, ok)
	}
}
