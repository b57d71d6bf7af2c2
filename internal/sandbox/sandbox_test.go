package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client talks to a sandbox over real loopback HTTP, with nothing but net/http.
type client struct {
	t     testing.TB
	box   *Sandbox
	url   string
	token string
	http  *http.Client
	stop  func()
}

// answer is the envelope as a client sees it.
type answer struct {
	RequestID *string         `json:"requestId"`
	Code      int             `json:"errmsg"`
	Succeed   bool            `json:"succeed"`
	Time      string          `json:"msgTime"`
	Values    json.RawMessage `json:"values"`
	Text      *string         `json:"errdesc"`
	status    int
	header    http.Header
}

func open(t testing.TB, config Config) *client {
	t.Helper()
	if config.Seed == 0 {
		config.Seed = 1
	}
	box, err := New(config)
	require.NoError(t, err)
	c := serve(t, box)
	return c
}

func serve(t testing.TB, box *Sandbox) *client {
	t.Helper()
	address, stop, err := Start(context.Background(), box)
	require.NoError(t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		require.NoError(t, box.Close())
	})
	c := &client{t: t, box: box, url: address, stop: stop, http: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
	c.token = box.tokens.issue()
	return c
}

// do sends a body and returns the raw answer.
func (c *client) do(path, contentType, body string) (*http.Response, []byte, error) {
	request, err := http.NewRequest(http.MethodPost, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", contentType)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, text, err
}

// call sends JSON to an operation and reads the envelope.
func (c *client) call(operation, body string) answer {
	c.t.Helper()
	response, text, err := c.do("/v2/ChatMess/"+operation, "application/json", body)
	require.NoError(c.t, err)
	var a answer
	decoder := json.NewDecoder(bytes.NewReader(text))
	require.NoError(c.t, decoder.Decode(&a), "%s", text)
	a.status, a.header = response.StatusCode, response.Header
	return a
}

func (c *client) get(path string, into any) {
	c.t.Helper()
	response, err := c.http.Get(c.url + path)
	require.NoError(c.t, err)
	defer response.Body.Close()
	require.Equal(c.t, http.StatusOK, response.StatusCode)
	require.NoError(c.t, json.NewDecoder(response.Body).Decode(into))
}

func text(account, friend, words string) string {
	body, _ := json.Marshal(map[string]any{"WechatId": account, "ToUserName": friend, "RelationType": 0, "MsgType": "text", "Text": words})
	return string(body)
}

func (a answer) description() string {
	if a.Text == nil {
		return ""
	}
	return *a.Text
}

func (c *client) take(account, friend string) string {
	c.t.Helper()
	body, _ := json.Marshal(map[string]string{"wechat_key": account, "friend_key": friend, "apply_reason": "Double 11"})
	a := c.call("applyTakeOver", string(body))
	require.True(c.t, a.Succeed, a.description())
	var key string
	require.NoError(c.t, json.Unmarshal(a.Values, &key))
	return key
}

func TestSendIsDelivered(t *testing.T) {
	at := time.Date(2026, 11, 11, 2, 0, 0, 120034500, time.UTC)
	c := open(t, Config{Clock: func() time.Time { return at }})
	a := c.call("doSendPublicMes", text("135389", "wxid_a", "你好 🎉"))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, 20000, a.Code)
	require.True(t, a.Succeed)
	require.Nil(t, a.Text)
	require.NotEmpty(t, *a.RequestID)
	require.Equal(t, "2026-11-11T10:00:00.1200345+08:00", a.Time)
	require.JSONEq(t, `{"taskId":"1"}`, string(a.Values))

	deliveries := c.box.Deliveries()
	require.Len(t, deliveries, 1)
	d := deliveries[0]
	require.Equal(t, []any{uint64(1), "1", "135389", "wxid_a", "text", "", at}, []any{d.Sequence, d.TaskID, d.Account, d.Friend, d.Type, d.Takeover, d.At})
	require.JSONEq(t, text("135389", "wxid_a", "你好 🎉"), string(d.Body))
	require.Equal(t, 1, c.box.Delivered("135389", "wxid_a"))
	require.Zero(t, c.box.Delivered("135389", "wxid_b"))
}

func TestRequestIDsAreUnique(t *testing.T) {
	c := open(t, Config{})
	seen := map[string]bool{}
	for range 10 {
		seen[*c.call("doSendPublicMes", text("1", "f", "x")).RequestID] = true
	}
	require.Len(t, seen, 10)
}

func TestTakeoverFromApplyToEnd(t *testing.T) {
	c := open(t, Config{})
	key := c.take("135389", "wxid_a")
	require.Equal(t, key, c.take("135389", "wxid_a"), "applying again for what is held gives the same key")
	require.NotEqual(t, key, c.take("135389", "wxid_b"))

	send := `{"TakeOverKey":"` + key + `","RelationType":0,"MsgType":"text","Text":"hi"}`
	require.True(t, c.call("doSendPublicMes", send).Succeed)
	d := c.box.Deliveries()[0]
	require.Equal(t, []string{"135389", "wxid_a", key}, []string{d.Account, d.Friend, d.Takeover})

	a := c.call("endTakeOver", `{"TakeOverKey":"`+key+`"}`)
	require.True(t, a.Succeed, a.description())
	a = c.call("doSendPublicMes", send)
	require.False(t, a.Succeed)
	require.Equal(t, 200019, a.Code)
	require.Contains(t, a.description(), key+" has ended")
	require.Equal(t, 1, c.box.Stats().OpenTakeovers)
	require.True(t, c.call("endTakeOver", `{"WechatId":"135389","ToUserName":"wxid_b"}`).Succeed)

	stats := c.box.Stats()
	require.Equal(t, []int{0, 2}, []int{stats.OpenTakeovers, stats.EndedTakeovers})
	again := c.take("135389", "wxid_a")
	require.NotEqual(t, key, again, "a key is not used twice")
	takeovers := c.box.Takeovers()
	require.Len(t, takeovers, 3)
	require.Equal(t, []bool{false, false, true}, []bool{takeovers[0].Open(), takeovers[1].Open(), takeovers[2].Open()})
	require.Equal(t, []string{key, again}, []string{takeovers[0].Key, takeovers[2].Key})
	require.Equal(t, "Double 11", takeovers[0].Reason)
}

func TestTakeoverKeysAreTheSameInEveryRun(t *testing.T) {
	first, second, other := open(t, Config{Seed: 7}), open(t, Config{Seed: 7}), open(t, Config{Seed: 8})
	second.take("135389", "wxid_b") // what others do changes nothing
	require.Equal(t, first.take("135389", "wxid_a"), second.take("135389", "wxid_a"))
	require.NotEqual(t, first.take("135389", "wxid_a"), other.take("135389", "wxid_a"))
}

// Not even when the sandbox has forgotten the old takeovers.
func TestTakeoverKeysAreNotUsedTwice(t *testing.T) {
	c := open(t, Config{KeepTakeovers: 1})
	seen := map[string]bool{}
	for range 4 {
		seen[c.take("135389", "wxid_a")] = true
		require.True(t, c.call("endTakeOver", `{"WechatId":"135389","ToUserName":"wxid_a"}`).Succeed)
		c.take("135389", "wxid_b")
		require.True(t, c.call("endTakeOver", `{"WechatId":"135389","ToUserName":"wxid_b"}`).Succeed)
	}
	require.Len(t, seen, 4)
}

func TestTakeoverAnswers(t *testing.T) {
	const body = `{"wechat_key":"135389","friend_key":"wxid_a"}`
	for kind, want := range map[TakeoverAnswer]string{AnswerKey: `^"tok-[0-9a-f]+"$`, AnswerObject: `^{"TakeOverKey":"tok-[0-9a-f]+"}$`, AnswerNone: `^true$`} {
		c := open(t, Config{TakeoverAnswer: kind})
		require.Regexp(t, want, string(c.call("applyTakeOver", body).Values))
		require.Equal(t, 1, c.box.Stats().OpenTakeovers)
	}
	_, err := ParseTakeoverAnswer("string")
	require.ErrorContains(t, err, "write key, object or none")
	_, err = New(Config{TakeoverAnswer: "string"})
	require.Error(t, err)
}

func TestTakeoverKeyMustFitTheConversation(t *testing.T) {
	c := open(t, Config{})
	key := c.take("135389", "wxid_a")
	for _, body := range []string{
		`{"TakeOverKey":"` + key + `","ToUserName":"wxid_b","RelationType":0,"MsgType":"text","Text":"hi"}`,
		`{"TakeOverKey":"` + key + `","WechatId":"135380","RelationType":0,"MsgType":"text","Text":"hi"}`,
	} {
		a := c.call("doSendPublicMes", body)
		require.Equal(t, 200019, a.Code)
		require.Contains(t, a.description(), "is of account 135389 and friend wxid_a")
	}
	a := c.call("doSendPublicMes", `{"TakeOverKey":"tok-0","RelationType":0,"MsgType":"text","Text":"hi"}`)
	require.Equal(t, 200019, a.Code)
	require.Equal(t, "TakeOverKey tok-0 is unknown", a.description())
	require.False(t, c.call("endTakeOver", `{"TakeOverKey":"`+key+`","WechatId":"135380"}`).Succeed)
	require.Zero(t, c.box.Stats().Deliveries)
	require.Equal(t, 1, c.box.Stats().OpenTakeovers)
}

func TestEndingWhatIsNotHeld(t *testing.T) {
	const body = `{"WechatId":"135389","ToUserName":"wxid_a"}`
	require.True(t, open(t, Config{}).call("endTakeOver", body).Succeed)
	a := open(t, Config{RefuseIdleEnd: true}).call("endTakeOver", body)
	require.False(t, a.Succeed)
	require.Equal(t, 200019, a.Code)
}

func TestTokenEndpoint(t *testing.T) {
	c := open(t, Config{Credentials: []Credentials{{"id", "s3cret"}}, TokenLifetime: 90 * time.Second})
	good := url.Values{"client_id": {"id"}, "client_secret": {"s3cret"}, "scope": {"Ls.Qkl.PublicApi"}, "grant_type": {"client_credentials"}}
	const form = "application/x-www-form-urlencoded"
	response, body, err := c.do("/connect/token", form, good.Encode())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	var token struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
		Type    string `json:"token_type"`
	}
	require.NoError(t, json.Unmarshal(body, &token))
	require.Equal(t, 90, token.Expires)
	require.Equal(t, "Bearer", token.Type)
	c.token = token.Token
	require.True(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)

	for _, test := range []struct{ field, value, media, want string }{
		{"client_secret", "wrong", form, "invalid_client"},
		{"client_id", "wrong", form, "invalid_client"},
		{"client_id", "", form, "invalid_client"},
		{"scope", "all", form, "invalid_scope"},
		{"grant_type", "password", form, "unsupported_grant_type"},
		{"scope", "Ls.Qkl.PublicApi", "application/json", "invalid_request"},
	} {
		bad := url.Values{}
		for name, values := range good {
			bad[name] = values
		}
		bad.Set(test.field, test.value)
		response, body, err := c.do("/connect/token", test.media, bad.Encode())
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
		require.Contains(t, string(body), `"error":"`+test.want+`"`)
		require.NotContains(t, string(body), "s3cret")
	}
	require.Equal(t, 2, c.box.Stats().Tokens) // one by this test's set-up
}

func TestTokensEnd(t *testing.T) {
	now := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	for status, want := range map[int]int{0: 200, 401: 401} {
		c := open(t, Config{TokenLifetime: time.Minute, UnauthorizedStatus: status, Clock: func() time.Time { return now }})
		require.True(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)
		now = now.Add(time.Minute)
		a := c.call("doSendPublicMes", text("1", "f", "x"))
		require.Equal(t, []int{want, 10003}, []int{a.status, a.Code})
		c.token = "made-up"
		require.Equal(t, 10003, c.call("doSendPublicMes", text("1", "f", "x")).Code)
		c.token = ""
		a = c.call("doSendPublicMes", text("1", "f", "x"))
		require.Equal(t, []int{want, 200001}, []int{a.status, a.Code})
		require.False(t, a.Succeed)
		require.EqualValues(t, 1, c.box.Stats().Deliveries)
	}
}

func TestTokensAreBounded(t *testing.T) {
	box, err := New(Config{})
	require.NoError(t, err)
	first := box.tokens.issue()
	for range maxTokens {
		box.tokens.issue()
	}
	require.Len(t, box.tokens.ends, maxTokens)
	_, ok := box.tokens.check("Bearer " + first)
	require.False(t, ok)
}

func TestSecretsAreNotPrinted(t *testing.T) {
	credentials := Credentials{"id", "s3cret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(format, credentials), "s3cret")
		require.NotContains(t, fmt.Sprintf(format, Config{Credentials: []Credentials{credentials}}), "s3cret")
	}
}

func TestDuplicatesAreCounted(t *testing.T) {
	c := open(t, Config{})
	send := func(body string) { require.True(t, c.call("doSendPublicMes", body).Succeed) }
	send(text("1", "f", "hello"))
	send(text("1", "g", "hello"))
	send(text("2", "f", "hello"))
	send(text("1", "f", "other"))
	require.Zero(t, c.box.Stats().Duplicates)
	key := c.take("1", "f")
	send(`{"Text":"hello", "MsgType":"text", "TakeOverKey":"` + key + `", "RelationType":0}`)
	require.Equal(t, 1, c.box.Stats().Duplicates, "the same message under a takeover, its fields in another order")
	send(text("1", "f", "hello"))
	stats := c.box.Stats()
	require.Equal(t, 1, stats.Duplicates, "a message counts once, however often it is repeated")
	require.Equal(t, map[string]int{"1": 5, "2": 1}, stats.Accounts)
	require.Equal(t, 3, stats.Recipients)
	require.EqualValues(t, 6, stats.Deliveries)
}

func TestMemoryIsBoundedAndCountsAreExact(t *testing.T) {
	c := open(t, Config{KeepDeliveries: 3, KeepTakeovers: 2})
	for i := range 10 {
		friend := fmt.Sprintf("wxid_%d", i)
		c.take("1", friend)
		require.True(t, c.call("doSendPublicMes", text("1", friend, "hello")).Succeed)
		require.True(t, c.call("endTakeOver", `{"WechatId":"1","ToUserName":"`+friend+`"}`).Succeed)
	}
	c.take("1", "wxid_open")
	deliveries, takeovers, stats := c.box.Deliveries(), c.box.Takeovers(), c.box.Stats()
	require.Len(t, deliveries, 3)
	require.Equal(t, []uint64{8, 9, 10}, []uint64{deliveries[0].Sequence, deliveries[1].Sequence, deliveries[2].Sequence})
	require.Len(t, takeovers, 3)
	require.Equal(t, []string{"wxid_8", "wxid_9", "wxid_open"}, []string{takeovers[0].Friend, takeovers[1].Friend, takeovers[2].Friend})
	require.Equal(t, []int{10, 10, 1, 10}, []int{int(stats.Deliveries), stats.Recipients, stats.OpenTakeovers, stats.EndedTakeovers})
	require.Equal(t, 1, c.box.Delivered("1", "wxid_0"))
}

func TestSmallWorld(t *testing.T) {
	c := open(t, Config{World: SmallWorld()})
	require.True(t, c.call("doSendPublicMes", text("135380", "wxid_a", "x")).Succeed)
	require.True(t, c.call("doSendPublicMes", `{"TakeOverKey":"`+c.take("135399", "wxid_a")+`","RelationType":0,"MsgType":"text","Text":"x"}`).Succeed)
	for account, code := range map[string]int{"135400": 200018, "135380": 200009} {
		a := c.call("doSendPublicMes", text(account, "nobody", "x"))
		require.Equal(t, code, a.Code, a.description())
		require.Equal(t, code, c.call("applyTakeOver", `{"wechat_key":"`+account+`","friend_key":"nobody"}`).Code)
	}
	require.EqualValues(t, 2, c.box.Stats().Deliveries)
}

func TestConfigIsChecked(t *testing.T) {
	for name, config := range map[string]Config{
		"TokenLifetime":      {TokenLifetime: -1},
		"UnauthorizedStatus": {UnauthorizedStatus: 42},
		"KeepDeliveries":     {KeepDeliveries: -1},
		"no operation":       {Faults: []Fault{{Operation: "sendIt", Kind: KindLose}}},
	} {
		_, err := New(config)
		require.ErrorContains(t, err, name)
	}
}

func TestSeedIsChosenAndTold(t *testing.T) {
	first, err := New(Config{})
	require.NoError(t, err)
	second, err := New(Config{})
	require.NoError(t, err)
	require.NotZero(t, first.Seed())
	require.NotEqual(t, first.Seed(), second.Seed())
	require.Equal(t, first.Seed(), first.Stats().Seed)
}
