package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStopWaitsAndIsFinal(t *testing.T) {
	box, err := New(Config{})
	require.NoError(t, err)
	url, stop, err := Start(t.Context(), box)
	require.NoError(t, err)
	response, err := http.Get(url + "/_sandbox/stats")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	stop()
	stop()
	_, err = http.Get(url + "/_sandbox/stats")
	require.Error(t, err)
}

func TestServerEndsWithItsContext(t *testing.T) {
	box, err := New(Config{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error)
	go func() { served <- Serve(ctx, box, listener) }()
	cancel()
	require.NoError(t, <-served)
}

func TestServeTellsWhyItCannot(t *testing.T) {
	box, err := New(Config{})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, Serve(t.Context(), box, listener), "use of closed network connection")
}

// A request that is delayed for an hour does not hold up the end.
func TestStopCutsDelaysShort(t *testing.T) {
	box, err := New(Config{Faults: []Fault{{Operation: "*", Kind: KindDelay, Delay: time.Hour}}})
	require.NoError(t, err)
	c := serve(t, box)
	failed := make(chan error)
	go func() {
		_, _, err := c.do(sendPath, "application/json", text("1", "f", "x"))
		failed <- err
	}()
	require.Eventually(t, func() bool { return box.Stats().Requests == 1 }, 10*time.Second, time.Millisecond)
	c.stop()
	require.Error(t, <-failed)
	require.Zero(t, box.Stats().Deliveries)
}

func TestGateWaitsForAnswers(t *testing.T) {
	var g gate
	entered, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	answered := false
	guarded := g.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-release; answered = true }))
	go guarded.ServeHTTP(nil, nil)
	<-entered
	go func() { g.close(); close(closed) }()
	require.Eventually(t, func() bool { // until the gate waits to be closed, which keeps readers out
		free := g.mu.TryRLock()
		if free {
			g.mu.RUnlock()
		}
		return !free
	}, 10*time.Second, time.Millisecond)
	select {
	case <-closed:
		t.Fatal("the gate is closed while a request is being answered")
	default:
	}
	close(release)
	<-closed
	require.True(t, answered)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { guarded.ServeHTTP(nil, nil) })
}

func TestManyAtOnce(t *testing.T) {
	const workers, each = 16, 50
	c := open(t, Config{Journal: filepath.Join(t.TempDir(), "journal"), Faults: []Fault{{Operation: "*", Kind: KindLose, Probability: 0.05}}})
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			account := fmt.Sprint(135380 + worker%20)
			for i := range each {
				friend := fmt.Sprintf("wxid_%d_%d", worker, i)
				for _, body := range []struct{ operation, body string }{
					{"applyTakeOver", `{"wechat_key":"` + account + `","friend_key":"` + friend + `"}`},
					{"doSendPublicMes", text(account, friend, "hello")},
					{"endTakeOver", `{"WechatId":"` + account + `","ToUserName":"` + friend + `"}`},
				} {
					_, _, _ = c.do("/v2/ChatMess/"+body.operation, "application/json", body.body) // some answers are lost, and only answers
				}
			}
		})
	}
	wait.Wait()
	stats := c.box.Stats()
	require.Equal(t, []int{workers * each, workers * each, 0, 0, workers * each},
		[]int{int(stats.Deliveries), stats.Recipients, stats.Duplicates, stats.OpenTakeovers, stats.EndedTakeovers}, "seed %d", stats.Seed)
	require.NotZero(t, stats.Faults[0].Hits)
}

func BenchmarkRequests(b *testing.B) {
	for name, config := range map[string]Config{
		"checked":   {},
		"unchecked": {SkipChecks: true},
		"journal":   {Journal: "journal"},
		"faults":    {Faults: []Fault{{Operation: "*", Kind: KindCode, Code: 7, Probability: 0.01}}},
	} {
		b.Run(name, func(b *testing.B) {
			config := config
			if config.Journal != "" {
				config.Journal = filepath.Join(b.TempDir(), config.Journal)
			}
			c := open(b, config)
			body := text("135389", "wxid_a", "你好，你的券 D11-88 已到账")
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _, err := c.do(sendPath, "application/json", body)
					if err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// What the sandbox itself costs, without HTTP.
func BenchmarkAnswer(b *testing.B) {
	for name, config := range map[string]Config{"checked": {}, "unchecked": {SkipChecks: true}} {
		b.Run(name, func(b *testing.B) {
			box, err := New(config)
			require.NoError(b, err)
			body := []byte(text("135389", "wxid_a", "你好，你的券 D11-88 已到账"))
			c := call{operation: box.operations[sendPath], body: body, contentType: "application/json", authorization: "Bearer " + box.tokens.issue()}
			b.ReportAllocs()
			for b.Loop() {
				c.fields, c.problem = readFields(c.body)
				c.operation.answer(c)
			}
		})
	}
}
