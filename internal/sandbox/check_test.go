package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/youmi"
)

// messages holds one good body for each message, in the shapes that the vendor's page shows (api-73950154).
func messages() map[string]string {
	const to = `"WechatId":"135389","ToUserName":"wxid_a","RelationType":0,`
	return map[string]string{
		"text":        `{` + to + `"MsgType":"text","Text":"你好"}`,
		"image":       `{` + to + `"MsgType":"image","Url":"https://example.com/a.png","Format":"png"}`,
		"video":       `{` + to + `"MsgType":"video","Url":"https://example.com/a.mp4","Format":"mp4","Title":"t","Description":"d","ThumbnailUrl":"https://example.com/t.png"}`,
		"file":        `{` + to + `"MsgType":"file","Url":"https://example.com/a.pdf","Format":"pdf","Title":"%E6%8A%A5.pdf"}`,
		"link":        `{` + to + `"MsgType":"link","Url":"https://example.com/a","Title":"t","Description":"d","ThumbMediaUrl":"https://example.com/t.png"}`,
		"card":        `{` + to + `"MsgType":"card","Text":"name"}`,
		"qvcard":      `{` + to + `"MsgType":"qvcard","Text":"name","CompanyName":"company"}`,
		"mp":          `{` + to + `"MsgType":"mp","Text":"name"}`,
		"gzh":         `{` + to + `"MsgType":"gzh","Text":"name"}`,
		"rebpacket":   `{` + to + `"MsgType":"rebpacket"}`,
		"returnmoney": `{` + to + `"MsgType":"returnmoney"}`,
		"forward":     `{` + to + `"MsgType":"forward","ShareUnionIDNode":"wxid_s","Flags":[{"Flag":"flag:0000026","MsgType":"image","MsgTime":1647865582,"MsgIndex":1}]}`,
		"batch":       `{` + to + `"MsgType":"batch","messList":[{"MsgType":"text","Text":"hello"},{"MsgType":"image","ImageUrl":"https://example.com/a.png","Format":"png"}]}`,
	}
}

func TestEveryMessageIsAccepted(t *testing.T) {
	c := open(t, Config{})
	for kind, body := range messages() {
		a := c.call("doSendPublicMes", body)
		require.True(t, a.Succeed, "%s: %s", kind, a.description())
	}
	types := map[string]bool{}
	for _, d := range c.box.Deliveries() {
		types[d.Type] = true
	}
	require.Len(t, types, 13)
}

func TestWrongBodiesAreRefused(t *testing.T) {
	const to = `"WechatId":"135389","ToUserName":"wxid_a",`
	c := open(t, Config{})
	for _, test := range []struct{ operation, body, want string }{
		{"doSendPublicMes", ``, "the body is not JSON"},
		{"doSendPublicMes", `{"MsgType":`, "the body is not JSON"},
		{"doSendPublicMes", `[1]`, "the body is JSON, but no object"},
		{"doSendPublicMes", `null`, "the body is null, no object"},
		{"doSendPublicMes", `{}{}`, "the body is not JSON"},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"MsgType":"text"}`, `Text`},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"Text":"hi"}`, `MsgType`},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"MsgType":"poem","Text":"hi"}`, `MsgType must be one of batch, card, file`},
		{"doSendPublicMes", `{` + to + `"RelationType":7,"MsgType":"text","Text":"hi"}`, `RelationType: `},
		{"doSendPublicMes", `{` + to + `"RelationType":"0","MsgType":"text","Text":"hi"}`, `RelationType: `},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"MsgType":"text","Text":"hi","Colour":"red"}`, `Colour`},
		{"doSendPublicMes", `{"WechatId":"135389","RelationType":0,"MsgType":"text","Text":"hi"}`, `it needs TakeOverKey, or WechatId and ToUserName`},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"MsgType":"batch","messList":[{"MsgType":"text","Text":"a"},{"MsgType":"image","Url":"u","Format":"png"}]}`, `messList.1: `},
		{"doSendPublicMes", `{` + to + `"RelationType":0,"MsgType":"forward","ShareUnionIDNode":"s","Flags":[{"Flag":"f","MsgType":"image","MsgTime":"now","MsgIndex":1}]}`, `Flags.0.MsgTime: `},
		{"applyTakeOver", `{"friend_key":"wxid_a"}`, "wechat_key and friend_key must be given"},
		{"applyTakeOver", `{"wechat_key":null,"friend_key":"wxid_a"}`, "wechat_key and friend_key must be given"},
		{"applyTakeOver", `{"WechatId":"135389","ToUserName":"wxid_a"}`, "WechatId"},
		{"endTakeOver", `{}`, "it needs TakeOverKey, or WechatId and ToUserName"},
	} {
		a := c.call(test.operation, test.body)
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, 200012, a.Code, test.body)
		require.False(t, a.Succeed)
		require.Contains(t, a.description(), test.want, test.body)
		require.NotContains(t, a.description(), "\n", test.body)
		if testing.Verbose() {
			t.Logf("%s %s: %s", test.operation, test.body, a.description())
		}
	}
	stats := c.box.Stats()
	require.Zero(t, stats.Deliveries)
	require.Zero(t, stats.OpenTakeovers)
}

func TestBodiesAreBounded(t *testing.T) {
	c := open(t, Config{})
	a := c.call("doSendPublicMes", text("1", "f", strings.Repeat("x", maxBody)))
	require.Equal(t, 200012, a.Code)
	require.Contains(t, a.description(), "too large")
}

func TestContentTypeIsChecked(t *testing.T) {
	c := open(t, Config{})
	for media, code := range map[string]int{"application/json": 20000, "application/json; charset=utf-8": 20000, "text/plain": 200012, "": 200012} {
		_, body, err := c.do("/v2/ChatMess/doSendPublicMes", media, text("1", "f", "x"))
		require.NoError(t, err)
		var a answer
		require.NoError(t, json.Unmarshal(body, &a))
		require.Equal(t, code, a.Code, media)
	}
}

func TestSkipChecksStillNeedsAConversation(t *testing.T) {
	c := open(t, Config{SkipChecks: true})
	require.True(t, c.call("doSendPublicMes", `{"WechatId":"1","ToUserName":"f","Colour":"red"}`).Succeed)
	require.Contains(t, c.call("doSendPublicMes", `{"WechatId":"1"}`).description(), "it needs TakeOverKey, or WechatId and ToUserName")
}

func TestUnknownPathsAndMethods(t *testing.T) {
	c := open(t, Config{})
	a := c.call("sendIt", `{}`)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Contains(t, a.description(), "the sandbox has no /v2/ChatMess/sendIt; it has /connect/token, ")
	require.Contains(t, a.description(), ", /v2/ChatMess/applyTakeOver")
	response, err := c.http.Get(c.url + "/v2/ChatMess/doSendPublicMes")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	require.Equal(t, "POST", response.Header.Get("Allow"))
}

// Every operation that the client knows is imitated.
func TestEveryOperationIsImitated(t *testing.T) {
	box, err := New(Config{})
	require.NoError(t, err)
	operations, err := youmi.Operations()
	require.NoError(t, err)
	for _, operation := range operations {
		path := operation.Path
		if strings.HasPrefix(operation.ID, "v1") {
			path = v1Bases()[0] + path
		}
		_, there := box.operations[path]
		require.True(t, there, operation.ID)
	}
}

// Whatever a request holds, the answer is JSON: an envelope, or OAuth2's; and only a good message is delivered, and
// is in the journal.
func FuzzRequest(f *testing.F) {
	const media = "application/json"
	for _, body := range messages() {
		f.Add(sendPath, media, body)
	}
	f.Add("/v2/ChatMess/applyTakeOver", media, `{"wechat_key":"135389","friend_key":"wxid_a","apply_source":"QKB"}`)
	f.Add("/v2/ChatMess/endTakeOver", media, `{"WechatId":"135389","ToUserName":"wxid_a"}`)
	f.Add("/v2/ChatMess/endTakeOver", "text/plain", `{"TakeOverKey":"tok-1"}`)
	f.Add("/connect/token", "application/x-www-form-urlencoded", "client_id=a&client_secret=b&scope=Ls.Qkl.PublicApi&grant_type=client_credentials")
	path := f.TempDir() + "/journal"
	box, err := New(Config{Journal: path, KeepDeliveries: 10, KeepTakeovers: 10})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, box.Close()) })
	token := "Bearer " + box.tokens.issue()
	f.Fuzz(func(t *testing.T, path, media, body string) {
		if strings.HasPrefix(path, controlPrefix) {
			t.Skip()
		}
		before := box.Stats()
		recorder := httptest.NewRecorder()
		box.ServeHTTP(recorder, &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {media}, "Authorization": {token}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1,
		})
		delivered := box.Stats().Deliveries - before.Deliveries
		if path == "/connect/token" {
			require.True(t, json.Valid(recorder.Body.Bytes()))
			return
		}
		var a answer
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &a), "%s", recorder.Body)
		require.Equal(t, a.Succeed, a.Code == 20000)
		require.Equal(t, a.Succeed, a.Text == nil)
		require.Equal(t, a.Succeed && path == sendPath, delivered == 1)
		if delivered == 1 {
			requireLastIsJournaled(t, box)
		}
	})
}

// requireLastIsJournaled reads the journal back, and empties it when it gets long.
func requireLastIsJournaled(t *testing.T, box *Sandbox) {
	list := box.Deliveries()
	last := list[len(list)-1]
	require.NotEmpty(t, last.Account)
	require.NotEmpty(t, last.Friend)
	file, err := os.Open(box.config.Journal)
	require.NoError(t, err)
	defer file.Close()
	var read record
	size, err := readJournal(file, func(r record) error { read = r; return nil })
	require.NoError(t, err)
	require.NotNil(t, read.Delivery)
	require.Equal(t, last.Sequence, read.Delivery.Sequence)
	if size > 16<<10 {
		require.NoError(t, box.Reset())
	}
}
