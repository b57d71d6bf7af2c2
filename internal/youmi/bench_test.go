package youmi

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSend compares a message through the client with a plain post of the same bytes, on loopback.
func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/connect/token" {
			_, _ = io.WriteString(w, `{"access_token":"a","expires_in":3600}`)
			return
		}
		_, _ = io.WriteString(w, done)
	}))
	defer server.Close()
	body, err := Encode(hello())
	require.NoError(b, err)
	b.Run("client", func(b *testing.B) {
		client, err := New(Config{BaseURL: server.URL, TokenURL: server.URL + "/connect/token", ClientID: "c", ClientSecret: "s"})
		require.NoError(b, err)
		defer client.CloseIdle()
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := client.Call(b.Context(), OperationSend, body); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("post", func(b *testing.B) {
		plain := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		defer plain.CloseIdleConnections()
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				answer, err := plain.Post(server.URL+"/v2/ChatMess/doSendPublicMes", "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		})
	})
}
