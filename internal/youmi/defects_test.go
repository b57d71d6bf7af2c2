package youmi

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An answer whose code says "too late" and whose flag says "done" proves nothing: a signed message must not be repeated.
func TestAContradictoryAnswerToASignedMessageIsNotRepeated(t *testing.T) {
	var adds atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now().Add(10 * time.Minute).UTC().Format("2006-01-02T15:04:05.0000000Z07:00")
		if strings.HasSuffix(r.URL.Path, "/GetAccessToken") {
			fmt.Fprintf(w, `{"errmsg":20000,"succeed":true,"msgTime":%q,"values":{"access_token":"abc","expires_in":7200}}`, at)
			return
		}
		adds.Add(1)
		fmt.Fprintf(w, `{"errmsg":200005,"succeed":true,"msgTime":%q,"values":null}`, at)
	}))
	defer server.Close()
	client, err := New(Config{BaseURL: server.URL, ClientID: "c", ClientSecret: "s",
		V1: V1Config{BaseURL: server.URL + "/publicapi/v1/", AppID: "73289537", AppKey: "0123456789abcdef0123456789abcdef"}})
	require.NoError(t, err)
	defer client.CloseIdle()
	_, err = client.Call(t.Context(), OperationV1AddFriend, &V1AddFriendRequest{ReceiVerID: "1", WechatMoble: "2", GreeTing: "hi", PcKid: "3"})
	require.Equal(t, Unknown, Classify(err), "%v", err)
	require.EqualValues(t, 1, adds.Load())
}

// An answer that never comes to its body is given up, and read within bounds.
func TestAnEndlessHeadIsGivenUp(t *testing.T) {
	var sent atomic.Int64
	address := rawServer(t, func(conn net.Conn) {
		defer conn.Close()
		readRequest(conn)
		w := bufio.NewWriter(conn)
		fmt.Fprint(w, "HTTP/1.1 200 OK\r\n")
		for field := range 100_000 {
			if n, err := fmt.Fprintf(w, "X-%d: %s\r\n", field, strings.Repeat("x", 1000)); err == nil {
				sent.Add(int64(n))
			} else {
				return
			}
		}
	})
	p := newPlatform(t, answer(done))
	config := p.config()
	config.BaseURL = "http://" + address
	client, err := New(config)
	require.NoError(t, err)
	defer client.CloseIdle()
	_, err = client.Send(t.Context(), hello())
	require.Equal(t, Unknown, Classify(err), "%v", err)
	require.Less(t, sent.Load(), int64(20<<20)) // what the sockets' buffers took, and no more
}
