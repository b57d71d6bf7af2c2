package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listener is an address that events are pushed to.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	kinds  []string
	refuse int // so many pushes first
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.refuse > 0 {
			l.refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		l.bodies, l.kinds = append(l.bodies, string(body)), append(l.kinds, r.Header.Get("Content-Type"))
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.bodies...)
}

func (c *client) subscribe(url string, types ...string) {
	c.t.Helper()
	body, _ := json.Marshal(map[string]any{"url": url, "appId": "app", "messageTypes": append([]string{}, types...)})
	var done bool
	c.post("/v2/Public/subscribeEvent", string(body), &done)
}

func (c *client) pushed() EventCounts {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.box.Stats().Events.Waiting == 0 }, 20*time.Second, time.Millisecond)
	return c.box.Stats().Events
}

func (c *client) control(path, body string) int {
	c.t.Helper()
	response, _, err := c.do("/_sandbox/"+path, "application/json", body)
	require.NoError(c.t, err)
	return response.StatusCode
}

// contents are the texts of chat events in the order they came.
func contents(t *testing.T, bodies []string) (list []string) {
	t.Helper()
	for _, body := range bodies {
		var event struct {
			Values struct {
				Content string `json:"ad_chatting_content"`
			} `json:"values"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &event))
		list = append(list, event.Values.Content)
	}
	return list
}

func (c *client) replies(n int) (want []string) {
	c.t.Helper()
	for i := range n {
		want = append(want, fmt.Sprintf("reply %d", i))
		require.Equal(c.t, http.StatusOK, c.control("reply", fmt.Sprintf(`{"account":"135389","friend":"wxid_a","text":%q}`, want[i])))
	}
	return want
}

func TestEventsOfAConversationKeepTheirOrder(t *testing.T) {
	l, c := listen(t), open(t, Config{})
	c.subscribe(l.URL)
	want := c.replies(100)
	require.Equal(t, EventCounts{Queued: 100, Acknowledged: 100}, c.pushed())
	require.Equal(t, want, contents(t, l.got()))
}

func TestEventFaults(t *testing.T) {
	for text, check := range map[string]func(t *testing.T, counts EventCounts, want, got []string){
		"event:reorder:20%": func(t *testing.T, counts EventCounts, want, got []string) {
			require.NotEqual(t, want, got)
			require.ElementsMatch(t, want, got)
			require.Positive(t, counts.Reordered)
		},
		"event:duplicate:20%": func(t *testing.T, counts EventCounts, want, got []string) {
			require.Len(t, got, len(want)+counts.Duplicated)
			require.Positive(t, counts.Duplicated)
			require.Subset(t, want, got)
		},
		"event:lose_before:20%": func(t *testing.T, counts EventCounts, want, got []string) {
			require.Len(t, got, len(want)-counts.Lost)
			require.Positive(t, counts.Lost)
		},
		"event:delay:1ms:20%": func(t *testing.T, _ EventCounts, want, got []string) { require.Equal(t, want, got) },
	} {
		t.Run(text, func(t *testing.T) {
			fault, err := ParseFault(text)
			require.NoError(t, err)
			require.Equal(t, text, strings.Replace(fault.String(), "delay=", "delay:", 1))
			l, c := listen(t), open(t, Config{Faults: []Fault{fault}})
			c.subscribe(l.URL)
			want := c.replies(60)
			check(t, c.pushed(), want, contents(t, l.got()))
		})
	}
	for _, text := range []string{"event:lose", "event:code=7", "event:http=500", "doSendPublicMes:duplicate", "*:reorder:10%", "token:duplicate"} {
		_, err := ParseFault(text)
		require.Error(t, err, text)
	}
}

// An event that nothing follows does not wait for ever.
func TestLastEventIsReorderedToo(t *testing.T) {
	l, c := listen(t), open(t, Config{Faults: []Fault{{Operation: "event", Kind: KindReorder}}})
	c.subscribe(l.URL)
	c.replies(1)
	require.Equal(t, EventCounts{Queued: 1, Acknowledged: 1, Reordered: 1}, c.pushed())
}

func TestEventsAreTriedAgain(t *testing.T) {
	l, c := listen(t), open(t, Config{})
	l.refuse = 2
	c.subscribe(l.URL)
	c.replies(1)
	require.Equal(t, EventCounts{Queued: 1, Acknowledged: 1}, c.pushed())
	require.Len(t, l.got(), 1)
}

// Nothing is pushed anywhere but to this machine, whatever was registered.
func TestEventsStayOnThisMachine(t *testing.T) {
	l := listen(t)
	c := open(t, Config{})
	redirect := httptest.NewServer(http.RedirectHandler(l.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	for _, url := range []string{"http://192.0.2.1/hook", "https://example.com/hook", "http://localhost.example.com/", "http://[2001:db8::1]/", "https://127.0.0.1/"} {
		c.subscribe(url)
	}
	c.replies(1)
	require.Zero(t, c.pushed().Queued)
	for _, callback := range c.box.Callbacks() {
		require.NotEmpty(t, callback.Ignored)
	}
	_, err := loopbackClient().Get("http://192.0.2.1:9/")
	require.ErrorContains(t, err, "is not this machine")
	for _, bad := range []string{``, `/hook`, `ftp://127.0.0.1/`, `://`} {
		body, _ := json.Marshal(map[string]string{"url": bad})
		require.Equal(t, 200012, c.send(http.MethodPost, "/v2/Public/registerCallbackUrl", string(body)).Code, bad)
	}
	// A redirect is not followed, and is no acknowledgement.
	require.Error(t, c.box.newPost(redirect.URL))
	require.Empty(t, l.got())
}

// newPost posts one event, once.
func (s *Sandbox) newPost(url string) error {
	p := newPusher(func(push) verdict { return verdict{} })
	p.client = loopbackClient()
	defer p.client.CloseIdleConnections()
	return p.post(context.Background(), push{url: url, body: []byte("{}")})
}

func TestOnlyWhatWasAskedForIsPushed(t *testing.T) {
	chats, results, numbered := listen(t), listen(t), listen(t)
	c := open(t, Config{TaskResults: true})
	c.subscribe(chats.URL, "chat")
	c.subscribe(results.URL, "rpaTaskResult", "fansAttributionChange")
	var done bool
	c.post("/v2/Public/registerCallbackUrl", fmt.Sprintf(`{"url":%q,"type":100}`, numbered.URL), &done)
	c.post("/v2/Public/registerCallbackUrl", fmt.Sprintf(`{"url":%q,"type":200}`, numbered.URL), &done) // again: no second push
	require.True(t, c.call("doSendPublicMes", text("135389", "wxid_a", "hi")).Succeed)
	require.Equal(t, http.StatusOK, c.control("task-result", `{"task_id":"1","succeed":false,"text":"offline"}`))
	require.Equal(t, http.StatusOK, c.control("device-fault", `{"account":"135389","text":"no heartbeat"}`))
	require.Equal(t, http.StatusOK, c.control("event", `{"type":7,"account":"135389","values":{"like":true}}`))
	c.post("/v2/Todo/AddRecord", `{"Weixin":"wxid_a"}`, &done)
	c.pushed()
	require.Equal(t, []string{"hi"}, contents(t, chats.got()))
	require.Len(t, results.got(), 3)
	var types []string
	for _, body := range numbered.got() {
		var event struct {
			Type     int
			Merchant int   `json:"MerchantId"`
			Time     int64 `json:"MsgTime"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &event))
		require.Equal(t, 9527, event.Merchant)
		require.InDelta(t, time.Now().Unix(), event.Time, 60)
		types = append(types, fmt.Sprint(event.Type))
	}
	require.ElementsMatch(t, []string{"1", "6", "7"}, types)
	require.Equal(t, "text/json", numbered.kinds[0])
	require.Equal(t, "application/json", chats.kinds[0])
}

func TestEventControlRefuses(t *testing.T) {
	c := open(t, Config{World: SmallWorld()})
	for path, bodies := range map[string][]string{
		"reply":        {``, `[]`, `{}`, `{"account":"1","friend":"wxid_a","text":"x"}`, `{"account":"135389","friend":"f","text":"x"}`, `{"colour":"red"}`},
		"task-result":  {`{"task_id":"1"}`},
		"device-fault": {`{"account":"1"}`},
		"event":        {`{}`, `{"type":9}`, `{"type":"x"}`, `{"type":-1}`},
		"todos/done":   {`{"id":1}`, `{"id":-1}`},
	} {
		for _, body := range bodies {
			require.Equal(t, http.StatusBadRequest, c.control(path, body), "%s %s", path, body)
		}
	}
}

// A sandbox that closes while events cannot be delivered does not wait for them.
func TestCloseStopsPushing(t *testing.T) {
	l := listen(t)
	box, err := New(Config{})
	require.NoError(t, err)
	box.register(Callback{Subscription: true, URL: l.URL})
	l.refuse = 1000
	for i := range 50 {
		_, err := box.Reply("1", fmt.Sprint(i), "x")
		require.NoError(t, err)
	}
	require.NoError(t, box.Close())
	_, err = box.Reply("1", "2", "x")
	require.NoError(t, err, "nobody is told any more, and nothing breaks")
	require.Empty(t, l.got())
}

func TestLanesAreBounded(t *testing.T) {
	blocked, release := make(chan struct{}, pushQueue), make(chan struct{})
	p := newPusher(func(push) verdict {
		blocked <- struct{}{}
		<-release
		return verdict{fault: Fault{Kind: KindLoseBefore}}
	})
	p.push(push{lane: "a"})
	<-blocked
	for range pushQueue + 5 {
		p.push(push{lane: "a"})
	}
	require.Equal(t, EventCounts{Queued: pushQueue + 1, Waiting: pushQueue + 1, Dropped: 5}, p.counts())
	close(release)
	p.close()
}
