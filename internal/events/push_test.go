package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/events"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
)

// platform is a sandbox that pushes to a receiver whose store is a ledger, and a client that talks to the sandbox.
type platform struct {
	box    *sandbox.Sandbox
	client *youmi.Client
	ledger *ledger.Ledger
}

func build(t *testing.T, faults ...string) platform {
	t.Helper()
	config := sandbox.Config{Seed: 3}
	for _, text := range faults {
		fault, err := sandbox.ParseFault(text)
		require.NoError(t, err)
		config.Faults = append(config.Faults, fault)
	}
	var p platform
	var err error
	p.ledger, err = ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(t.TempDir(), "ledger.db"), Durability: ledger.Normal})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.ledger.Close()) })
	server := httptest.NewServer(receiver(t, events.Config{Store: p.ledger}))
	t.Cleanup(server.Close)
	p.box, err = sandbox.New(config)
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), p.box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, p.box.Close()) })
	p.client, err = youmi.New(youmi.Config{BaseURL: url, TokenURL: url + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	t.Cleanup(p.client.CloseIdle)
	p.call(t, "subscribeEvent", map[string]any{"url": server.URL + events.Prefix + secret, "appId": "app", "messageTypes": []string{"chat", "rpaTaskResult"}})
	p.call(t, "registerCallbackUrl", map[string]any{"url": server.URL + events.Prefix + secret, "type": 100})
	return p
}

func (p platform) call(t *testing.T, operation string, body any) {
	t.Helper()
	_, err := p.client.Call(t.Context(), operation, body)
	require.NoError(t, err)
}

// settled waits until everything is pushed, and tells how.
func (p platform) settled(t *testing.T) sandbox.EventCounts {
	t.Helper()
	require.Eventually(t, func() bool { return p.box.Stats().Events.Waiting == 0 }, 30*time.Second, time.Millisecond)
	return p.box.Stats().Events
}

// Two thousand events with repetitions, out of order: each is in the ledger exactly once.
func TestEveryPushedEventIsKeptOnce(t *testing.T) {
	p := build(t, "event:duplicate:10%", "event:reorder:10%", "event:delay:1ms:5%")
	const replies = 1000 // each is a callback of version 1 and an event of version 2
	for i := range replies {
		_, err := p.box.Reply("135389", fmt.Sprintf("wxid_%d", i%20), fmt.Sprintf("回复 %d", i))
		require.NoError(t, err)
	}
	counts := p.settled(t)
	require.Zero(t, counts.Failed+counts.Dropped+counts.Lost)
	require.Greater(t, counts.Duplicated, 50)
	require.Greater(t, counts.Reordered, 50)
	require.Equal(t, 2*replies+counts.Duplicated, counts.Acknowledged)

	kept := map[events.Kind]map[string]int{events.KindMessageReceived: {}, events.KindChat: {}}
	for event, err := range p.ledger.Events(t.Context(), events.Filter{}) {
		require.NoError(t, err)
		kept[event.Kind][event.Content]++
	}
	for kind, contents := range kept {
		require.Len(t, contents, replies, kind)
		for content, n := range contents {
			require.Equal(t, 1, n, "%s %s", kind, content)
		}
	}
}

// What is sent is pushed as the message of its conversation, and its task's result on request.
func TestSentMessagesArePushed(t *testing.T) {
	p := build(t)
	p.call(t, "doSendPublicMes", map[string]any{"WechatId": "135389", "ToUserName": "wxid_a", "RelationType": 0, "MsgType": "text", "Text": "你好"})
	require.NoError(t, p.box.TaskResult("1", false, "the device is offline"))
	require.NoError(t, p.box.DeviceFault("135389", "no heartbeat"))
	for number := range 9 {
		require.NoError(t, p.box.PushEvent(fmt.Sprint(number), "135389", "wxid_a", map[string]any{"n": number}))
	}
	require.Error(t, p.box.TaskResult("2", true, ""))
	require.Error(t, p.box.PushEvent("9", "", "", nil))
	require.Zero(t, p.settled(t).Failed)
	kinds := map[events.Kind]int{}
	for event, err := range p.ledger.Events(t.Context(), events.Filter{}) {
		require.NoError(t, err)
		kinds[event.Kind]++
		switch event.Kind {
		case events.KindChat:
			require.Equal(t, []string{"135389", "wxid_a", "你好"}, []string{event.Account, event.Friend, event.Content})
		case events.KindTaskResult:
			require.Contains(t, string(event.Values), `"succeed":false`)
		}
	}
	require.Equal(t, map[events.Kind]int{
		events.KindChat: 1, events.KindTaskResult: 1, events.KindLabels: 1, events.KindMessageSent: 2, events.KindCustomerChanged: 1, events.KindGroup: 1,
		events.KindMessageReceived: 1, events.KindFriends: 1, events.KindDeviceFault: 2, events.KindMomentReaction: 1, events.KindMomentReply: 1,
	}, kinds)
}

type countingPruner struct{ calls atomic.Int64 }

func (c *countingPruner) PruneEvents(_ context.Context, before time.Time, most int64) (int64, error) {
	c.calls.Add(1)
	if most != 10_000_000 || time.Since(before) != 30*24*time.Hour {
		panic("the defaults are 30 days and ten million")
	}
	return 1, fmt.Errorf("a failure does not end it")
}

func TestRetentionRunsUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		ctx, cancel := context.WithCancel(t.Context())
		var pruner countingPruner
		done := make(chan struct{})
		go func() { events.Retention{Logger: quiet}.Run(ctx, &pruner); close(done) }()
		time.Sleep(150 * time.Minute) // of the bubble's clock
		require.EqualValues(t, 3, pruner.calls.Load())
		cancel()
		<-done
	})
}

// How many events are kept, durably, in a second: 64 at once, as a busy platform pushes.
func BenchmarkAccept(b *testing.B) {
	for _, durability := range []ledger.Durability{ledger.Full, ledger.Normal} {
		b.Run(string(durability), func(b *testing.B) {
			l, err := ledger.Open(b.Context(), ledger.Config{DSN: filepath.Join(b.TempDir(), "ledger.db"), Durability: durability})
			require.NoError(b, err)
			defer func() { require.NoError(b, l.Close()) }()
			r := receiver(b, events.Config{Store: l})
			var next atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					body := strings.Replace(label, "1600239001", fmt.Sprint(1600239001+next.Add(1)), 1)
					if w := push(r, "POST", events.Prefix+secret, body); w.Code != 200 {
						b.Errorf("HTTP %d", w.Code)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
