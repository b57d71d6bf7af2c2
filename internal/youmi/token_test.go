package youmi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTokenRequestIsTheDocumentedForm(t *testing.T) {
	p := newPlatform(t, answer(done))
	var form, contentType string
	p.token = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, contentType = string(body), r.Header.Get("Content-Type")
		_, _ = io.WriteString(w, `{"access_token":"a","expires_in":"3600"}`)
	}
	require.NoError(t, p.client(t).Authenticate(t.Context()))
	require.Equal(t, "application/x-www-form-urlencoded", contentType)
	require.Equal(t, "client_id=c1&client_secret="+secret+"&grant_type=client_credentials&scope=Ls.Qkl.PublicApi", form)
}

func TestOneRenewalWhateverTheConcurrency(t *testing.T) {
	p := newPlatform(t, answer(done))
	client := p.client(t)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, err := client.Send(t.Context(), hello())
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.EqualValues(t, 1, p.tokens.Load())
}

func hello() *Message {
	return &Message{WechatID: "1", ToUserName: "f", Content: Content{MsgType: TypeText, Text: "hello"}}
}

func TestRefusedTokenIsRenewedOnceAndTheCallRepeated(t *testing.T) {
	refusals := map[string]http.HandlerFunc{
		"10003": answer(`{"errmsg":10003,"succeed":false}`),
		"10011": answer(`{"errmsg":10011,"succeed":false}`),
		"401":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			var calls, good atomic.Int64
			p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if r.Header.Get("Authorization") != "Bearer token-2" {
					refuse(w, r)
					return
				}
				good.Add(1)
				answer(done)(w, r)
			})
			p.token = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, p.tokens.Load())
			}
			client := p.client(t)
			require.NoError(t, client.Authenticate(t.Context()))
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					_, err := client.Send(t.Context(), hello())
					require.NoError(t, err)
				})
			}
			group.Wait()
			require.EqualValues(t, 20, good.Load())
			require.EqualValues(t, 2, p.tokens.Load(), "all refused calls share one renewal")
			require.LessOrEqual(t, calls.Load(), int64(40))
		})
	}
}

func TestTokenRefusedTwiceIsNotSent(t *testing.T) {
	var calls atomic.Int64
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(`{"errmsg":10003,"succeed":false,"errdesc":"令牌失效"}`)(w, r)
	})
	_, err := p.client(t).Send(t.Context(), hello())
	require.Equal(t, NotSent, Classify(err))
	require.EqualError(t, err, "doSendPublicMes: 10003 the token is no longer valid (令牌失效)")
	require.EqualValues(t, 2, calls.Load())
	require.EqualValues(t, 2, p.tokens.Load())
}

func TestRefusedCredentialsSayWhatToCheckAndNeverTheSecret(t *testing.T) {
	p := newPlatform(t, answer(done))
	p.token = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"secret `+secret+` is wrong"}`)
	}
	client := p.client(t)
	_, err := client.Send(t.Context(), hello())
	var refused *TokenError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Refused)
	require.Equal(t, NotSent, Classify(err))
	require.EqualError(t, err, "no token: the platform refuses the credentials (invalid_client); check client_id, client_secret and token_url of the connection: secret *** is wrong")
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s", client, client, client, client), fmt.Sprintf("%v %+v %#v", p.config(), p.config(), p.config())} {
		require.NotContains(t, printed, secret)
	}
}

func TestTokenEndpointAwayIsUnreachable(t *testing.T) {
	p := newPlatform(t, answer(done))
	for status, want := range map[int]Verdict{500: Unreachable, 503: Unreachable, 429: Throttled, 403: NotSent} {
		p.token = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		err := p.client(t).Authenticate(t.Context())
		require.Equal(t, want, Classify(err), status)
	}
	p.token = answer(`{}`)
	require.ErrorContains(t, p.client(t).Authenticate(t.Context()), "the answer has no access_token")
}

func TestTokenLifetimes(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for written, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `3600.5`: time.Hour + 500*time.Millisecond, `60`: time.Minute,
		`null`: DefaultTokenLifetime, `""`: DefaultTokenLifetime, `"soon"`: DefaultTokenLifetime, `0`: DefaultTokenLifetime, `-5`: DefaultTokenLifetime,
		`true`: DefaultTokenLifetime, `{}`: DefaultTokenLifetime, `"NaN"`: DefaultTokenLifetime, `1e300`: maxLifetime, `999999999`: maxLifetime,
		`1700007200`: 2 * time.Hour, `1600000000`: DefaultTokenLifetime,
	} {
		_, got, err := parseToken([]byte(`{"access_token":"a","expires_in":`+written+`}`), now)
		require.NoError(t, err, written)
		require.Equal(t, want, got, written)
	}
	_, got, err := parseToken([]byte(`{"access_token":"a"}`), now)
	require.NoError(t, err)
	require.Equal(t, DefaultTokenLifetime, got)
}

func TestUnusableTokens(t *testing.T) {
	for _, body := range []string{``, `[]`, `"token"`, `{}`, `{"access_token":""}`, `{"access_token":7}`, `{"access_token":"a\r\nX: y"}`, `{"access_token":"令牌"}`} {
		_, _, err := parseToken([]byte(body), time.Now())
		require.Error(t, err, body)
	}
}

// roundTripper stands in for a network inside a bubble of fake time.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func offline(t *testing.T, transport roundTripper) *Client {
	client, err := New(Config{BaseURL: "http://api.test", TokenURL: "http://sso.test/token", ClientID: "c", ClientSecret: "s", Transport: transport})
	require.NoError(t, err)
	return client
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := 0
		client := offline(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "sso.test" {
				tokens++
				return reply(200, `{"access_token":"a","expires_in":3600}`), nil
			}
			return reply(200, done), nil
		})
		require.NoError(t, client.Authenticate(t.Context()))
		time.Sleep(59*time.Minute - time.Second)
		require.NoError(t, client.Authenticate(t.Context()))
		require.Equal(t, 1, tokens)
		time.Sleep(time.Second)
		require.NoError(t, client.Authenticate(t.Context()))
		require.Equal(t, 2, tokens)
	})
}

func TestCancelledWaitersDoNotCancelOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens atomic.Int64
		client := offline(t, func(r *http.Request) (*http.Response, error) {
			tokens.Add(1)
			select {
			case <-time.After(10 * time.Second):
				return reply(200, `{"access_token":"a","expires_in":3600}`), nil
			case <-r.Context().Done():
				return nil, context.Cause(r.Context())
			}
		})
		leader, cancelLeader := context.WithCancel(t.Context())
		waiter, cancelWaiter := context.WithCancel(t.Context())
		errs := make([]error, 5)
		var group sync.WaitGroup
		for i, ctx := range []context.Context{leader, waiter, t.Context(), t.Context(), t.Context()} {
			group.Go(func() { errs[i] = client.Authenticate(ctx) })
			synctest.Wait() // they queue in this order
		}
		cancelWaiter()
		synctest.Wait()
		require.Equal(t, NotSent, Classify(errs[1]))
		require.ErrorIs(t, errs[1], context.Canceled)
		cancelLeader()
		group.Wait()
		require.Equal(t, NotSent, Classify(errs[0]))
		for _, err := range errs[2:] {
			require.NoError(t, err)
		}
		require.EqualValues(t, 2, tokens.Load(), "the cancelled renewal and the one that followed")
	})
}

func TestWaitersShareAFailedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens atomic.Int64
		client := offline(t, func(*http.Request) (*http.Response, error) {
			tokens.Add(1)
			time.Sleep(time.Second)
			return reply(400, `{"error":"invalid_client"}`), nil
		})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { require.Error(t, client.Authenticate(t.Context())) })
		}
		group.Wait()
		require.EqualValues(t, 1, tokens.Load())
	})
}

func FuzzParseToken(f *testing.F) {
	for _, seed := range []string{`{"access_token":"a","expires_in":3600}`, `{"access_token":"a","expires_in":"1e9"}`, `{}`, `{"access_token":"a","expires_in":1e400}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		secret, lifetime, err := parseToken(body, time.Unix(1_700_000_000, 0))
		if err != nil {
			return
		}
		require.NotEmpty(t, secret)
		require.Greater(t, lifetime, time.Duration(0))
		require.LessOrEqual(t, lifetime, maxLifetime)
		require.NotContains(t, secret, "\n")
	})
}
