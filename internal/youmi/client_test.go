package youmi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// platform is a stand-in whose calls are answered by a test's own function.
type platform struct {
	*httptest.Server
	tokens atomic.Int64
	token  http.HandlerFunc
	calls  http.HandlerFunc
}

const secret = "0123456789abcdef0123456789abcdef"

func newPlatform(t *testing.T, calls http.HandlerFunc) *platform {
	t.Helper()
	p := &platform{calls: calls}
	p.token = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"token-1","expires_in":3600,"token_type":"Bearer"}`)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/connect/token" {
			p.tokens.Add(1)
			p.token(w, r)
			return
		}
		p.calls(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *platform) config() Config {
	return Config{BaseURL: p.URL, TokenURL: p.URL + "/connect/token", ClientID: "c1", ClientSecret: secret}
}

func (p *platform) client(t *testing.T) *Client {
	t.Helper()
	client, err := New(p.config())
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	return client
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, body)
	}
}

const done = `{"requestId":"r1","errmsg":20000,"succeed":true,"msgTime":"2024-12-19T17:22:24.312+08:00","values":{"taskId":"t1"},"errdesc":null}`

func TestSendReachesTheWireAsDocumented(t *testing.T) {
	var path, contentType, authorization, tenant, agent, body string
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		path, contentType, authorization = r.Method+" "+r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization")
		tenant, agent = r.Header.Get("TenantId"), r.Header.Get("User-Agent")
		read, _ := io.ReadAll(r.Body)
		body = string(read)
		_, _ = io.WriteString(w, done)
	})
	config := p.config()
	config.TenantID, config.UserAgent = "tenant-7", "youmiflow/1.2.3"
	client, err := New(config)
	require.NoError(t, err)
	sent, err := client.Send(t.Context(), &Message{WechatID: "135389", ToUserName: "wxid_example", Content: Content{MsgType: TypeText, Text: "<你好> & 😀"}})
	require.NoError(t, err)
	require.Equal(t, &Sent{TaskID: "t1", RequestID: "r1"}, sent)
	require.Equal(t, "POST /v2/ChatMess/doSendPublicMes", path)
	require.Equal(t, "application/json", contentType)
	require.Equal(t, "Bearer token-1", authorization)
	require.Equal(t, "tenant-7", tenant)
	require.Equal(t, "youmiflow/1.2.3", agent)
	require.JSONEq(t, `{"WechatId":"135389","ToUserName":"wxid_example","RelationType":0,"MsgType":"text","Text":"<你好> & 😀"}`, body)
	require.Contains(t, body, `<你好> & 😀`, "written as it reads")
}
