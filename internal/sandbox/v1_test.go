package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func requireJSON(t *testing.T, text json.RawMessage, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, into), "%s", text)
}

// Made with another tool: printf 'tokenn11700000000' | openssl dgst -sha1 -hmac key -binary | base64.
func TestSignature(t *testing.T) {
	require.Equal(t, "Fzm9jwP5byr%2fnWSXZCj2RLQn240%3d", signature("key", "token", "n1", "1700000000"))
}

func TestV1IsSigned(t *testing.T) {
	now := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	c := open(t, Config{Clock: func() time.Time { return now }})
	token := c.v1Token()
	for name, test := range map[string]struct {
		change func(http.Header)
		want   int
	}{
		"good":              {func(http.Header) {}, 20000},
		"no token":          {func(h http.Header) { h.Del("access_token") }, 200001},
		"no nonce":          {func(h http.Header) { h.Del("Nonce") }, 200002},
		"no timestamp":      {func(h http.Header) { h.Del("Timestamp") }, 200003},
		"no signature":      {func(h http.Header) { h.Del("Signature") }, 200004},
		"wrong signature":   {func(h http.Header) { h.Set("Signature", "x") }, 10005},
		"upper-case hex":    {func(h http.Header) { h.Set("Signature", strings.ToUpper(h.Get("Signature")[24:])) }, 10005},
		"another nonce":     {func(h http.Header) { h.Set("Nonce", "n2") }, 10005},
		"another timestamp": {func(h http.Header) { h.Set("Timestamp", fmt.Sprint(now.Unix()-1)) }, 10005},
		"no number":         {func(h http.Header) { h.Set("Timestamp", "now") }, 200012},
		"just in time":      {signedAt(token, now.Add(-10*time.Minute)), 20000},
		"too old":           {signedAt(token, now.Add(-10*time.Minute-time.Second)), 200005},
		"ahead":             {signedAt(token, now.Add(10*time.Minute+time.Second)), 10006},
		"unknown token":     {signedAt("made-up", now), 10003},
	} {
		request := c.signedRequest(token, http.MethodGet, "/WeCaht", "")
		test.change(request.Header)
		a := c.answered(request)
		require.Equal(t, test.want, a.Code, "%s: %s", name, a.description())
		require.Equal(t, test.want == 20000, a.Succeed, name)
		require.Nil(t, a.RequestID, "version 1 has none")
	}
	now = now.Add(7 * 24 * time.Hour)
	require.Equal(t, 10003, c.signed(token, http.MethodGet, "/WeCaht", "").Code, "seven days later")
}

func signedAt(token string, at time.Time) func(http.Header) {
	return func(h http.Header) {
		stamp := fmt.Sprint(at.Unix())
		h.Set("access_token", token)
		h.Set("Timestamp", stamp)
		h.Set("Signature", signature(V1AppKey, token, h.Get("Nonce"), stamp))
	}
}

func TestV1Token(t *testing.T) {
	c := open(t, Config{V1AppKey: "other"})
	now := fmt.Sprint(c.box.config.Clock().Unix())
	good := map[string]string{"AppId": "1", "Nonce": "2", "Timestamp": now, "Signature": signature("other", "1", "2", now)}
	ask := func(change, value string) int {
		body := map[string]string{}
		for name, value := range good {
			body[name] = value
		}
		if change != "" {
			body[change] = value
		}
		text, err := json.Marshal(body)
		require.NoError(t, err)
		return c.signed("", http.MethodPost, "/GetAccessToken?format=json", string(text)).Code
	}
	require.Equal(t, 10004, ask("", ""), "the other code of success")
	require.Equal(t, 200007, ask("AppId", ""))
	require.Equal(t, 200002, ask("Nonce", ""))
	require.Equal(t, 200003, ask("Timestamp", ""))
	require.Equal(t, 200004, ask("Signature", ""))
	require.Equal(t, 10005, ask("Signature", signature(V1AppKey, "1", "2", now)))
	require.Equal(t, 200012, ask("Colour", "red"))
	text, err := json.Marshal(good)
	require.NoError(t, err)
	require.Contains(t, c.signed("", http.MethodPost, "/GetAccessToken", string(text)).description(), "the query needs format")
}

func TestV1TimesAsThePagesShowThem(t *testing.T) {
	now := time.Date(2018, 5, 11, 6, 47, 48, 152392300, time.UTC)
	c := open(t, Config{Clock: func() time.Time { return now }})
	token := c.v1Token()
	require.Equal(t, "2018-05-11T14:47:48.1523923+08:00", c.signed(token, http.MethodGet, "/WeCaht", "").Time)
	require.Equal(t, "2018/5/11 14:47:48", c.signed(token, http.MethodGet, "/friend", "").Time)
	add := func(id string) answer {
		return c.signed(token, http.MethodPost, "/friend/Add_Friend", `{"ReceiVerId":"agsoft","Wechat_Moble":"2254","GreeTing":"001","PcKid":"`+id+`"}`)
	}
	a := add("1")
	require.Equal(t, "{2018/5/11 14:47:48}", a.Time)
	require.Empty(t, *a.Text, "errdesc is empty, not null")
	require.JSONEq(t, `true`, string(a.Values))
	require.Equal(t, 200019, add("1").Code, "PcKid must be unique")
	require.True(t, add("2").Succeed)
}

// Both of the paths that the pages give lead there.
func TestV1StandsUnderBothPaths(t *testing.T) {
	c := open(t, Config{})
	request := c.signedRequest(c.v1Token(), http.MethodGet, "/WeCaht", "")
	request.URL.Path = "/v1/WeCaht"
	require.True(t, c.answered(request).Succeed)
}
