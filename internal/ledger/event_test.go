package ledger_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/events"
	"youmiflow/internal/ledger"
)

func openEvents(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(t.TempDir(), "ledger.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func at(hour int) time.Time { return time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC) }

func addEvent(t *testing.T, l *ledger.Ledger, body string, received time.Time) bool {
	t.Helper()
	added, err := l.AddEvent(t.Context(), events.Read([]byte(body), received))
	require.NoError(t, err)
	return added
}

func bodies(t *testing.T, l *ledger.Ledger, filter events.Filter) []string {
	t.Helper()
	list := []string{}
	for event, err := range l.Events(t.Context(), filter) {
		require.NoError(t, err)
		list = append(list, string(event.Raw))
	}
	return list
}

func TestEventsAreKeptOnceWithinTheirWindow(t *testing.T) {
	l := openEvents(t)
	const plain, named = `{"Type":0,"MsgTime":1}`, `{"messageType":"chat","messageId":"1"}`
	require.True(t, addEvent(t, l, plain, at(0)))
	require.False(t, addEvent(t, l, plain, at(0)))
	require.False(t, addEvent(t, l, plain, at(24)), "the window's end belongs to it")
	require.True(t, addEvent(t, l, plain, at(25)), "the same body after the window is another event")
	require.False(t, addEvent(t, l, plain, at(26)))
	require.True(t, addEvent(t, l, named, at(0)))
	require.False(t, addEvent(t, l, named+" ", at(400)), "an id of the platform's holds for as long as the event is kept")
	require.Equal(t, []string{plain, plain, named}, bodies(t, l, events.Filter{}))
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	l := openEvents(t)
	want := events.Read([]byte(`{"Type":4,"MerchantId":"9527","MsgTime":1600239001,"Values":{"ad_wechat_id":135389,"ad_friend_wenober":"wxid_a","ad_chatting_content":"你好 🎉"}}`), at(1))
	_, err := l.AddEvent(t.Context(), want)
	require.NoError(t, err)
	for event, err := range l.Events(t.Context(), events.Filter{}) {
		require.NoError(t, err)
		want.Sequence = event.Sequence
		require.Equal(t, want, event)
	}
}

func TestEventFilters(t *testing.T) {
	l := openEvents(t)
	var all []string
	for i := range 100 {
		body := fmt.Sprintf(`{"Type":%d,"MsgTime":%d,"Values":{"ad_wechat_id":%d,"ad_friend_wenober":"wxid_%d"}}`, i%9, i+1, i%4, i%5)
		all = append(all, body)
		require.True(t, addEvent(t, l, body, at(i)))
	}
	some := func(keep func(i int) bool) []string {
		list := []string{}
		for i, body := range all {
			if keep(i) {
				list = append(list, body)
			}
		}
		return list
	}
	require.Equal(t, all, bodies(t, l, events.Filter{}), "also beyond what is read at once")
	require.Equal(t, all[40:50], bodies(t, l, events.Filter{After: 40, Limit: 10}))
	require.Equal(t, all[:32], bodies(t, l, events.Filter{Limit: 32}), "a whole chunk")
	require.Equal(t, some(func(i int) bool { return i%9 == 4 || i%9 == 6 }), bodies(t, l, events.Filter{Kinds: []events.Kind{events.KindMessageReceived, events.KindDeviceFault}}))
	require.Equal(t, some(func(i int) bool { return i%9 == 4 }), bodies(t, l, events.Filter{Types: []string{"4"}}))
	require.Equal(t, some(func(i int) bool { return i%4 == 3 && i%5 == 2 }), bodies(t, l, events.Filter{Account: "3", Friend: "wxid_2"}))
	require.Equal(t, all[90:], bodies(t, l, events.Filter{Received: at(90)}))
	require.Empty(t, bodies(t, l, events.Filter{After: 100}))
}

// All events of a conversation are found, however many there are and at whatever instants they came; also those that could
// not be read when they came, and those that name no account.
func TestTheEventsOfAConversation(t *testing.T) {
	l := openEvents(t)
	said := func(n int, kind, account, friend string) string {
		return fmt.Sprintf(`{"messageId":"m%d","messageType":%q,"msgTime":%d,"values":{"ad_wechat_id":%q,"ad_friend_wenober":%q}}`, n, kind, n+1, account, friend)
	}
	var want []string
	for i := range 200 {
		kind, account, friend := []string{"chat", "fansInfoChange"}[i%2], []string{"1", "2", ""}[i%3], []string{"a", "b"}[i/100]
		if event := events.Read([]byte(said(i, kind, account, friend)), at(i/50)); event.Kind == events.KindChat && event.Friend == "a" && event.Account != "2" {
			want = append(want, event.ID)
		}
		require.True(t, addEvent(t, l, said(i, kind, account, friend), at(i/50)))
	}
	heard := func(since time.Time) []string {
		list := []string{}
		for event, err := range l.Heard(t.Context(), "chat", "1", "a", since) {
			require.NoError(t, err)
			list = append(list, event.ID)
		}
		return list
	}
	require.Greater(t, len(want), 32)
	require.Equal(t, want, heard(at(0)), "in more than one part")
	require.Equal(t, want[len(want)-17:], heard(at(1)))
	require.Empty(t, heard(at(2)))
	execute(t, l.Path(), `UPDATE event SET kind = 'unknown', account = ''`)
	require.Equal(t, want, heard(at(0)), "what is learned about bodies holds for old ones too")
}

func TestOldEventsAreForgotten(t *testing.T) {
	l := openEvents(t)
	for i := range 2500 {
		require.True(t, addEvent(t, l, fmt.Sprintf(`{"Type":1,"MsgTime":%d}`, i+1), at(i)))
	}
	prune := func(before time.Time, most int64) int64 {
		n, err := l.PruneEvents(t.Context(), before, most)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, prune(at(0), 0))
	require.EqualValues(t, 2100, prune(at(2100), 0), "in more than one part")
	require.Len(t, bodies(t, l, events.Filter{}), 400)
	require.EqualValues(t, 100, prune(at(0), 300))
	require.Len(t, bodies(t, l, events.Filter{}), 300)
	require.EqualValues(t, 299, prune(at(9000), 0), "the newest stays")
	require.True(t, addEvent(t, l, `{"Type":1,"MsgTime":9999}`, at(9000)))
	require.Equal(t, []string{`{"Type":1,"MsgTime":9999}`}, bodies(t, l, events.Filter{After: 2500}), "so that sequences grow")
}

func TestEventsOfALedgerThatIsNotThere(t *testing.T) {
	l := openEvents(t)
	dsn := l.Path()
	readOnly, err := ledger.OpenReadOnly(t.Context(), dsn)
	require.NoError(t, err)
	_, err = readOnly.AddEvent(t.Context(), events.Read([]byte(`{}`), at(0)))
	require.ErrorIs(t, err, ledger.ErrReadOnly)
	require.NoError(t, readOnly.Close())

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range l.Events(cancelled, events.Filter{}) {
		require.ErrorIs(t, err, context.Canceled)
	}
	closed, err := ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(t.TempDir(), "closed.db")})
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = closed.AddEvent(t.Context(), events.Read([]byte(`{}`), at(0)))
	require.ErrorIs(t, err, ledger.ErrClosed)
}
