package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const key = "canary-8472-key"

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// receive serves one address that keeps what it gets and answers as told.
func receive(t *testing.T, status int, answer string) (address string, got func() (url.Values, http.Header, map[string]any)) {
	var query url.Values
	var header http.Header
	var body map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, header = r.URL.Query(), r.Header
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hook?key=" + key, func() (url.Values, http.Header, map[string]any) { return query, header, body }
}

func TestEachKindSpeaksItsOwnLanguage(t *testing.T) {
	message := Message{Title: "运行失败：double11", Text: "3 / 10 位收件人失败 <@all>"}
	for _, one := range []struct {
		kind   Kind
		secret string
		answer string
		check  func(*testing.T, url.Values, http.Header, map[string]any)
	}{
		{WeCom, "", `{"errcode":0,"errmsg":"ok"}`, func(t *testing.T, _ url.Values, _ http.Header, body map[string]any) {
			require.Equal(t, "text", body["msgtype"])
			require.Contains(t, body["text"].(map[string]any)["content"], "运行失败：double11\n3 / 10")
		}},
		{DingTalk, "SEC1", `{"errcode":0,"errmsg":"ok"}`, func(t *testing.T, query url.Values, _ http.Header, body map[string]any) {
			require.Equal(t, "1795348800000", query.Get("timestamp"))
			// printf '1795348800000\nSEC1' | openssl dgst -sha256 -hmac SEC1 -binary | base64
			require.Equal(t, "WQevczM7DZRhGbmTdeuzpB0nxfaXcv1iijiX+W1LJzQ=", query.Get("sign"))
			require.Equal(t, key, query.Get("key"), "what was in the address stays there")
		}},
		{Feishu, "SEC1", `{"code":0,"msg":"success"}`, func(t *testing.T, _ url.Values, _ http.Header, body map[string]any) {
			require.Equal(t, "1795348800", body["timestamp"])
			// printf '' | openssl dgst -sha256 -hmac $'1795348800\nSEC1' -binary | base64
			require.Equal(t, "bbeiZtmZTJi981wfcIKzB0cOr00av/CkrmK63u0VDDc=", body["sign"])
			require.Equal(t, "text", body["msg_type"])
		}},
		{Slack, "", `ok`, func(t *testing.T, _ url.Values, _ http.Header, body map[string]any) {
			require.Contains(t, body["text"], "&lt;@all&gt;", "nobody is called by accident")
		}},
		{Webhook, "SEC1", ``, func(t *testing.T, _ url.Values, header http.Header, body map[string]any) {
			require.True(t, strings.HasPrefix(header.Get("X-Youmiflow-Signature"), "sha256="))
			require.Equal(t, message.Title, body["title"])
			require.Equal(t, "yes", header.Get("X-Team"))
		}},
	} {
		t.Run(string(one.kind), func(t *testing.T) {
			address, got := receive(t, 200, one.answer)
			channel, err := Open(Settings{Kind: one.kind, URL: address, Secret: one.secret, Headers: map[string]string{"X-Team": "yes"}}, noon)
			require.NoError(t, err)
			require.NoError(t, channel.Send(t.Context(), message))
			query, header, body := got()
			one.check(t, query, header, body)
		})
	}
}

// WeCom, DingTalk and Feishu answer HTTP 200 also when they say no.
func TestRefusals(t *testing.T) {
	for _, one := range []struct {
		kind   Kind
		status int
		answer string
		again  bool
	}{
		{WeCom, 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, false},
		{WeCom, 200, `{"errcode":45009,"errmsg":"api freq out of limit"}`, true},
		{DingTalk, 200, `{"errcode":310000,"errmsg":"sign not match"}`, false},
		{Feishu, 200, `{"code":19021,"msg":"sign match fail"}`, false},
		{Feishu, 200, `<html>`, true},
		{Slack, 404, `no_service`, false},
		{Slack, 503, ``, true},
		{Webhook, 302, ``, false},
	} {
		address, _ := receive(t, one.status, one.answer)
		channel, err := Open(Settings{Kind: one.kind, URL: address}, noon)
		require.NoError(t, err)
		err = channel.Send(t.Context(), Message{Text: "x"})
		require.Error(t, err, "%s %s", one.kind, one.answer)
		refused := (*Refused)(nil)
		require.Equal(t, one.again, !errors.As(err, &refused), "%s %s: %v", one.kind, one.answer, err)
		require.NotContains(t, err.Error(), key)
	}
	gone, err := Open(Settings{Kind: Slack, URL: "http://127.0.0.1:1/" + key}, noon)
	require.NoError(t, err)
	err = gone.Send(t.Context(), Message{Text: "x"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), key)
	_, err = Open(Settings{Kind: Slack, URL: "hooks.slack.com/" + key}, noon)
	require.Error(t, err)
	require.NotContains(t, err.Error(), key)
}

func TestCutEndsAtACharacter(t *testing.T) {
	require.Equal(t, "友米", cut("友米", 6))
	require.Equal(t, "友…", cut("友米聚合", 8))
	require.LessOrEqual(t, len(cut(strings.Repeat("友", 5000), 2048)), 2048)
}

// serveMail is an SMTP server for one letter.
func serveMail(t *testing.T) (address string, letter <-chan string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	out := make(chan string, 1)
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	serving.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
		say("220 test")
		var data strings.Builder
		for inside := false; ; {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			switch text := strings.TrimRight(line, "\r\n"); {
			case inside && text == ".":
				inside = false
				out <- data.String()
				say("250 kept")
			case inside:
				data.WriteString(line)
			case strings.HasPrefix(text, "DATA"):
				inside = true
				say("354 go on")
			case strings.HasPrefix(text, "QUIT"):
				say("221 bye")
				return
			default:
				say("250 ok")
			}
		}
	})
	return listener.Addr().String(), out
}

func TestMail(t *testing.T) {
	address, letter := serveMail(t)
	channel, err := Open(Settings{Kind: Mail, URL: "smtp://" + address, From: "flow@example.com", To: []string{"ops@example.com"}}, noon)
	require.NoError(t, err)
	require.NoError(t, channel.Send(t.Context(), Message{Title: "运行失败", Text: "3 of 10"}))
	got := <-letter
	require.Contains(t, got, "ops@example.com")
	require.Contains(t, got, "Subject: =?UTF-8?")
	_, err = Open(Settings{Kind: Mail, URL: "smtp://u:" + key + "@x:notaport", From: "a@b.c", To: []string{"d@e.f"}}, noon)
	require.Error(t, err)
	require.NotContains(t, err.Error(), key)
}

// recorder is a channel that keeps what it gets and fails as told.
type recorder struct {
	mu   sync.Mutex
	got  []Message
	at   []time.Time
	fail []error
	hang bool
}

func (r *recorder) Send(ctx context.Context, message Message) error {
	if r.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, time.Now())
	if len(r.fail) > 0 {
		err := r.fail[0]
		r.fail = r.fail[1:]
		if err != nil {
			return err
		}
	}
	r.got = append(r.got, message)
	return nil
}

func notifier(t *testing.T, channels map[string]Channel, rules ...Rule) *Notifier {
	return New(t.Context(), Config{Channels: channels, Rules: rules})
}

func TestRulesSayWhoIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		team, ops := &recorder{}, &recorder{}
		n := notifier(t, map[string]Channel{"team": team, "ops": ops},
			Rule{On: []On{RunFailed}, To: []string{"team", "team"}, Language: Chinese},
			Rule{On: Ons(), Workflows: []string{"b"}, To: []string{"ops"}, Language: English})
		n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: "r1", Failed: 3, Total: 10})
		n.Tell(Occasion{On: TakeoverStuck, Workflow: "b", Run: "r2"})
		require.NoError(t, n.Close(t.Context()))
		require.Len(t, team.got, 1)
		require.Equal(t, "运行失败：a", team.got[0].Title)
		require.Len(t, ops.got, 1)
		require.Contains(t, ops.got[0].Text, "youmiflow runs show r2")
		n.Tell(Occasion{On: RunFailed, Workflow: "a"})
	})
}

func TestOneSubjectIsToldOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		team := &recorder{}
		n := notifier(t, map[string]Channel{"team": team}, Rule{On: Ons(), To: []string{"team"}})
		for range 100 {
			n.Tell(Occasion{On: AccountTripped, Account: "a1"})
		}
		synctest.Wait()
		require.Len(t, team.got, 1)
		time.Sleep(time.Hour)
		n.Tell(Occasion{On: AccountTripped, Account: "a1"})
		require.NoError(t, n.Close(t.Context()))
		require.Len(t, team.got, 2)
		require.Contains(t, team.got[1].Text, "99 more")
	})
}

func TestDeliveryIsTriedAgainAndNeverWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		team := &recorder{fail: []error{errors.New("HTTP 503"), errors.New("HTTP 503")}}
		no := &recorder{fail: []error{&Refused{"no"}}}
		n := notifier(t, map[string]Channel{"team": team, "no": no}, Rule{On: Ons(), To: []string{"team", "no"}})
		began := time.Now()
		n.Tell(Occasion{On: RunFailed, Workflow: "a"})
		require.Zero(t, time.Since(began))
		time.Sleep(time.Minute)
		require.NoError(t, n.Close(t.Context()))
		require.Len(t, team.got, 1)
		require.Len(t, team.at, 3)
		require.Equal(t, 4*time.Second, team.at[2].Sub(team.at[1]))
		require.Len(t, no.at, 1, "who refuses is not asked again")
	})
}

func TestAChannelThatHangsHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := notifier(t, map[string]Channel{"dead": &recorder{hang: true}}, Rule{On: Ons(), To: []string{"dead"}})
		for i := range 3 * queued {
			n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: string(rune('a' + i))})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		require.Error(t, n.Close(ctx))
		require.Less(t, time.Since(began), 6*time.Second)
	})
}

func TestAChannelKeepsThePaceOfRobots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		team := &recorder{}
		n := notifier(t, map[string]Channel{"team": team}, Rule{On: Ons(), To: []string{"team"}})
		for i := range 60 {
			n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: string(rune('a' + i))})
		}
		time.Sleep(10 * time.Minute)
		require.NoError(t, n.Close(t.Context()))
		require.Len(t, team.got, 60)
		for i := 30; i < 60; i++ {
			require.GreaterOrEqual(t, team.at[i].Sub(team.at[i-30]), time.Minute)
		}
	})
}

func TestEveryOccasionIsSaidInBothLanguages(t *testing.T) {
	for _, on := range Ons() {
		o := Occasion{On: on, Workflow: "double11", Run: "r1", Account: "a1", Step: "ask", Detail: "why"}
		en, zh := o.Text(English, 0), o.Text(Chinese, 2)
		require.NotEqual(t, string(on), en.Title)
		require.NotEqual(t, en.Title, zh.Title)
		require.Contains(t, en.Text, "why")
		require.Contains(t, zh.Text, "2 条")
	}
}
