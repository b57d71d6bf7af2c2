package youmi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	appkey  = "k9f2c1"
	v1Token = `{"errmsg":10004,"succeed":true,"msgTime":"2020-06-23T15:46:11.6561987+08:00","values":{"expires_in":4102444800,"access_token":"v1-token"}}`
)

// Made with: printf %s TEXT | openssl dgst -sha1 -hmac KEY -binary | base64
func TestSignatures(t *testing.T) {
	for _, test := range []struct {
		key, subject, nonce string
		timestamp           int64
		want                string
	}{
		{"appkey", "73289537", "123456", 1592894384, "Q1QV3khH0FxWkDu2qSPR%2fhdaDbs%3d"},
		{"k9f2c1", "v1-token", "abc", 1700000000, "vmTfzg%2fjtqrWeDtgkw%2b6RYYqreM%3d"},
		{"密钥", "访问令牌", "随机", 1700000000, "ADjGXFsSSP1Dbm7X3zWOEhjfXlo%3d"},
		{"", "", "", 0, "quVF%2boHel6qbb9%2fEUj4aA4yGxbw%3d"},
		{"key", "subject", "n11", 1700000000, "GPw%2b6K1GJdOKtEVwRMGQwmg4%2fZw%3d"},
	} {
		got := Sign(test.key, test.subject, test.nonce, test.timestamp)
		require.Equal(t, test.want, got, test.subject)
	}
}

// The page shows EeX9D7tpd57eryBtN33MwAbQiW8%3d for the same appid, nonce and time, but not the key: the form is all that
// can be compared.
func TestSignaturesHaveTheFormOfThePage(t *testing.T) {
	const form = `^([A-Za-z0-9]|%2b|%2f){27}%3d$`
	require.Regexp(t, form, "EeX9D7tpd57eryBtN33MwAbQiW8%3d")
	rapid.Check(t, func(t *rapid.T) {
		signed := Sign(rapid.String().Draw(t, "key"), rapid.String().Draw(t, "subject"), rapid.String().Draw(t, "nonce"), rapid.Int64().Draw(t, "time"))
		require.Regexp(t, form, signed)
	})
}

// signedPlatform answers version 1 like the vendor's pages say, by a clock of its own.
type signedPlatform struct {
	*httptest.Server
	ahead time.Duration // of this machine's clock

	mu      sync.Mutex
	tokens  int
	calls   []*http.Request
	refuse  []int // codes of the next calls; 0 answers well
	answers string
}

func newSignedPlatform(t *testing.T, ahead time.Duration) *signedPlatform {
	t.Helper()
	p := &signedPlatform{ahead: ahead, answers: "true"}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *signedPlatform) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if strings.HasSuffix(r.URL.Path, "/GetAccessToken") {
		var asked map[string]string
		if json.Unmarshal(body, &asked) != nil || r.URL.Query().Get("format") != "json" || r.Header.Get("Content-Type") != "text/json" {
			p.answer(w, 200012, "null")
			return
		}
		if code := p.check(asked["AppId"], asked["Nonce"], asked["Timestamp"], asked["Signature"]); code != 0 {
			p.answer(w, code, "null")
			return
		}
		p.tokens++
		p.answer(w, 10004, fmt.Sprintf(`{"expires_in":%d,"access_token":"token-%d"}`, time.Now().Add(p.ahead+time.Hour).Unix(), p.tokens))
		return
	}
	p.calls = append(p.calls, r)
	code := p.check(r.Header.Get("access_token"), r.Header.Get("Nonce"), r.Header.Get("Timestamp"), r.Header.Get("Signature"))
	if code == 0 && len(p.refuse) > 0 {
		code, p.refuse = p.refuse[0], p.refuse[1:]
	}
	if code != 0 {
		p.answer(w, code, "null")
		return
	}
	p.answer(w, 20000, p.answers)
}

func (p *signedPlatform) check(subject, nonce, timestamp, signature string) int {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	switch {
	case err != nil:
		return 200003
	case (time.Now().Add(p.ahead).Sub(time.Unix(at, 0))).Abs() > 10*time.Minute:
		return 200005
	case Sign(appkey, subject, nonce, at) != signature:
		return 200006
	}
	return 0
}

func (p *signedPlatform) answer(w http.ResponseWriter, code int, values string) {
	fmt.Fprintf(w, `{"errmsg":%d,"succeed":%t,"msgTime":%q,"values":%s}`,
		code, code < 100000 && code >= 10004 && code != 10006 && code != 10011, time.Now().Add(p.ahead).Format("2006-01-02T15:04:05.0000000Z07:00"), values)
}

func (p *signedPlatform) client(t *testing.T) *Client {
	t.Helper()
	client, err := New(Config{
		BaseURL: p.URL, ClientID: "c", ClientSecret: "s",
		V1: V1Config{BaseURL: p.URL + "/publicapi/v1/", AppID: "73289537", AppKey: appkey},
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	return client
}

func TestSignedCalls(t *testing.T) {
	p := newSignedPlatform(t, 0)
	client := p.client(t)
	require.True(t, client.HasV1())
	_, known := client.Skew()
	require.False(t, known)
	for range 2 {
		_, err := client.Call(t.Context(), OperationV1Friend, &V1FriendRequest{WechatID: new(int64(2538)), AdWechatLei: new(int64(0)), StartTime: new("2018-08-08 10:01:03")})
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.tokens, "one token serves many calls")
	require.Len(t, p.calls, 2)
	first, second := p.calls[0], p.calls[1]
	require.Equal(t, "/publicapi/v1/friend?StartTime=2018-08-08+10%3A01%3A03&Wechat_id=2538&ad_wechat_lei=0", first.URL.String())
	require.NotEqual(t, first.Header.Get("Nonce"), second.Header.Get("Nonce"))
	skew, known := client.Skew()
	require.True(t, known)
	require.Less(t, skew.Abs(), 5*time.Second)
}

// The headers leave in the letter case of the page: a server that compares them so would not find Access_token.
func TestSignedHeadersAreSpelledAsOnThePage(t *testing.T) {
	written := make(chan string, 1)
	address := rawServer(t, func(conn net.Conn) {
		defer conn.Close()
		var whole strings.Builder
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &whole)))
		if err != nil {
			return
		}
		if strings.Contains(request.URL.Path, "GetAccessToken") {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(v1Token), v1Token)
			return
		}
		written <- whole.String()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(done), done)
	})
	client, err := New(Config{
		BaseURL: "http://" + address, ClientID: "c", ClientSecret: "s",
		V1: V1Config{BaseURL: "http://" + address + "/publicapi/v1", AppID: "1", AppKey: appkey},
	})
	require.NoError(t, err)
	_, err = client.Call(t.Context(), OperationV1WeCaht, nil)
	require.NoError(t, err)
	request := <-written
	require.True(t, strings.HasPrefix(request, "GET /publicapi/v1/WeCaht HTTP/1.1\r\n"), request)
	require.Regexp(t, `\r\naccess_token: v1-token\r\n`, request)
	require.Regexp(t, `\r\nNonce: [A-Z0-9]{26}\r\n`, request)
	require.Regexp(t, `\r\nTimestamp: \d{10}\r\n`, request)
	require.Regexp(t, `\r\nSignature: ([A-Za-z0-9]|%2b|%2f){27}%3d\r\n`, request)
	require.Regexp(t, `\r\nContent-Type: text/json\r\n`, request)
	require.NotContains(t, request, "Authorization")
}

// A machine whose clock is wrong is refused, goes by the platform's clock, and is not refused again.
func TestAClockThatIsWrong(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		p := newSignedPlatform(t, ahead)
		client := p.client(t)
		for range 2 {
			_, err := client.Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{PcKid: "1"})
			require.NoError(t, err)
		}
		require.Len(t, p.calls, 2, "the token's refusal has told the time; no call was refused")
		skew, known := client.Skew()
		require.True(t, known)
		require.InDelta(t, ahead.Seconds(), skew.Seconds(), 5)

		p.mu.Lock()
		p.ahead, p.calls = 2*ahead, nil // somebody sets the platform's clock
		p.mu.Unlock()
		_, err := client.Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{PcKid: "1"})
		require.NoError(t, err)
		require.Len(t, p.calls, 2, "refused, and made once more")
	}
}

// Version 2 sends no time, so another one would change nothing.
func TestAnUnsignedCallIsNotRepeatedForItsTime(t *testing.T) {
	calls := 0
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		fmt.Fprintf(w, `{"errmsg":200005,"succeed":false,"msgTime":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	})
	client := p.client(t)
	_, err := client.Send(t.Context(), hello())
	require.Equal(t, NotSent, Classify(err))
	require.Equal(t, 1, calls)
	skew, known := client.Skew()
	require.True(t, known, "but it tells how far the clocks are apart")
	require.InDelta(t, time.Hour.Seconds(), skew.Seconds(), 5)
}

// The clock that signed calls go by is the one that matters.
func TestSkewIsThatOfVersion1(t *testing.T) {
	client := newSignedPlatform(t, time.Hour).client(t)
	client.v2.clock.measure(http.Header{}, time.Now().Format(time.RFC3339), time.Now(), time.Now())
	skew, _ := client.Skew()
	require.Less(t, skew.Abs(), 5*time.Second, "until version 1 has answered")
	require.NoError(t, client.AuthenticateV1(t.Context()))
	skew, _ = client.Skew()
	require.InDelta(t, time.Hour.Seconds(), skew.Seconds(), 5)
}

// A token of version 1 ends by the platform's clock, also where the difference is too small to be refused.
func TestATokenEndsByThePlatformsClock(t *testing.T) {
	p := newSignedPlatform(t, 8*time.Minute)
	client := p.client(t)
	require.NoError(t, client.AuthenticateV1(t.Context()))
	renew := time.Until(client.v1.tokens.current.Load().renew)
	require.InDelta(t, (time.Hour - tokenMargin).Seconds(), renew.Seconds(), 5)
}

// A platform that is away, or cannot make up its mind, is not one that refuses the key.
func TestATokenThatCannotBeHadNow(t *testing.T) {
	for body, want := range map[string]Verdict{
		`{"errmsg":200011,"succeed":false}`: Unreachable, // server error
		`{"errmsg":20000,"succeed":false}`:  Unreachable, // a contradiction
		`<html>`:                            Unreachable,
		`503`:                               Unreachable,
		`429`:                               Throttled,
		`{"errmsg":200007,"succeed":false}`: NotSent, // APPID missing
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status, err := strconv.Atoi(body); err == nil {
				w.WriteHeader(status)
			}
			_, _ = io.WriteString(w, body)
		}))
		client, err := New(Config{BaseURL: server.URL, ClientID: "c", ClientSecret: "s", V1: V1Config{BaseURL: server.URL, AppID: "1", AppKey: appkey}})
		require.NoError(t, err)
		_, err = client.Call(t.Context(), OperationV1WeCaht, nil)
		require.Equal(t, want, Classify(err), body)
		var failure *TokenError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, want == NotSent, failure.Refused, body)
		require.ErrorContains(t, err, "no token of version 1: ")
		client.CloseIdle()
		server.Close()
	}
}

// A refusal for the time that the clocks do not explain is not repeated, and proves that nothing was done.
func TestARefusalThatTheClockDoesNotExplain(t *testing.T) {
	for code, want := range map[int]string{10006: "check this machine's clock", 200005: "older than 10 minutes"} {
		p := newSignedPlatform(t, 0)
		p.refuse = []int{code, 0}
		_, err := p.client(t).Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{PcKid: "1"})
		require.Equal(t, NotSent, Classify(err))
		require.ErrorContains(t, err, fmt.Sprintf("v1Add_Friend: %d", code))
		require.ErrorContains(t, err, want)
		require.Len(t, p.calls, 1)
	}
}

func TestASignedCallWithARefusedToken(t *testing.T) {
	for _, code := range []int{CodeTokenExpired, CodeTokenException} {
		p := newSignedPlatform(t, 0)
		p.refuse = []int{code}
		client := p.client(t)
		_, err := client.Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{PcKid: "1"})
		require.NoError(t, err)
		require.Equal(t, 2, p.tokens)
		require.Equal(t, "token-2", p.calls[1].Header.Get("access_token"))

		p.refuse = []int{code, code, 0}
		_, err = client.Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{PcKid: "1"})
		require.Equal(t, NotSent, Classify(err), "once, not for ever")
		require.Equal(t, 3, p.tokens)
	}
}

func TestRefusedKeys(t *testing.T) {
	p := newSignedPlatform(t, 0)
	client, err := New(Config{
		BaseURL: p.URL, ClientID: "c", ClientSecret: "s",
		V1: V1Config{BaseURL: p.URL, AppID: "73289537", AppKey: "another-key"},
	})
	require.NoError(t, err)
	err = client.AuthenticateV1(t.Context())
	var refused *TokenError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Refused)
	require.Equal(t, NotSent, Classify(err))
	require.EqualError(t, err, "no token of version 1: the platform refuses the credentials (200006 the encryption key is wrong); check v1.appid, v1.appkey and v1.base_url of the connection")
	for _, printed := range []string{fmt.Sprint(client), fmt.Sprintf("%#v", V1Config{AppKey: "another-key"}), fmt.Sprintf("%+v", Config{V1: V1Config{AppKey: "another-key"}})} {
		require.NotContains(t, printed, "another-key")
	}
}

func TestTheTokenOfVersion1(t *testing.T) {
	now := time.Unix(1592898371, 0)
	for _, test := range []struct {
		values, secret string
		lifetime       time.Duration
		problem        string
	}{
		{`{"expires_in":1593503171,"access_token":"a"}`, "a", 7 * 24 * time.Hour, ""}, // the numbers of the page
		{`{"expires_in":"1593503171","access_token":"a"}`, "a", 7 * 24 * time.Hour, ""},
		{`{"Expires_In":7200,"AccessToken":"a"}`, "a", 2 * time.Hour, ""},
		{`{"access_token":"a"}`, "a", DefaultTokenLifetime, ""},
		{`{"access_token":"a","expires_in":1592800000}`, "a", DefaultTokenLifetime, ""}, // over already: the clocks differ
		{`"a"`, "a", DefaultTokenLifetime, ""},
		{`{"expires_in":1593503171}`, "", 0, "no access_token"},
		{`{"access_token":"a b"}`, "", 0, "no header may hold"},
		{`true`, "", 0, "no object"},
		{`null`, "", 0, "no access_token"},
		{``, "", 0, "no `values`"},
	} {
		secret, lifetime, err := parseV1Token(json.RawMessage(test.values), now)
		if test.problem != "" {
			require.ErrorContains(t, err, test.problem, test.values)
			continue
		}
		require.NoError(t, err, test.values)
		require.Equal(t, test.secret, secret)
		require.Equal(t, test.lifetime, lifetime, test.values)
	}
}

func FuzzV1Token(f *testing.F) {
	for _, seed := range []string{`{"expires_in":1593503171,"access_token":"a"}`, `"a"`, `null`, `[1]`, `{"access_token":{"a":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		secret, lifetime, err := parseV1Token(values, time.Unix(1_700_000_000, 0))
		if err == nil {
			require.True(t, printable(secret) && secret != "")
			require.Greater(t, lifetime, time.Duration(0))
			require.LessOrEqual(t, lifetime, maxLifetime)
		}
	})
}

func TestVersion1IsNotConfigured(t *testing.T) {
	client := newPlatform(t, answer(done)).client(t)
	require.NoError(t, client.AuthenticateV1(t.Context()))
	_, err := client.Call(t.Context(), OperationV1WeCaht, nil)
	require.Equal(t, Failed, Classify(err), "trying again does not help")
	require.ErrorContains(t, err, "set v1.base_url, v1.appid and v1.appkey")
	_, err = client.Raw(t.Context(), Request{Version: V1, Path: "/friend", Effect: "read"})
	require.ErrorContains(t, err, "GET /friend: version 1 is not configured")
}

// Lists that version 1 answers with come as an array, a bare object or a boolean, and are kept as they came.
func TestAnswersOfVersion1(t *testing.T) {
	p := newSignedPlatform(t, 0)
	client := p.client(t)
	for _, values := range []string{`{"ad_friend_id":1153549}`, `[{"ad_friend_id":1153549}]`, `true`, `null`} {
		p.answers = values
		response, err := client.Call(t.Context(), OperationV1Friend, nil)
		require.NoError(t, err)
		require.JSONEq(t, values, string(response.Values))
	}
}
