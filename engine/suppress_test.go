package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// Whoever is on the list is found wherever a call of the workflow's own making names them.
func TestSuppressedCustomersInAnAddressOrAForm(t *testing.T) {
	suppress := func(c *engine.Config) {
		c.Suppressed = func(_, friend string) bool { return friend == "wxid_a" }
	}
	for _, with := range []string{
		`path: "/youmi/send/wxid_a"`,
		`path: "/youmi/send", body: "friend=wxid_a&text=hi"`,
		`path: "/youmi/send", body: "friend=wxid%5Fa"`,
		`path: "/youmi/send", body: "<to>wxid_a</to>"`,
		`path: "/youmi/send", body: { to: "wxid_a" }`,
		`path: "/youmi/send", query: { to: "wechat:wxid_a" }`,
	} {
		t.Run(with, func(t *testing.T) {
			bubble(t, "limits: {}", sandbox.Config{Seed: 1}, suppress, func(t *testing.T, r *rehearsal) {
				id := r.start("name: w\nsteps:\n  - uses: api.call\n    with: { effect: message, " + with + " }\n")
				run := r.until(id, time.Second, over)
				require.Empty(t, r.calls(id))
				require.Equal(t, "suppressed", run.Error.Code)
			})
		})
	}
}

// The failure of a call that names somebody on the list goes to people elsewhere: it says how many, and not who.
func TestANoticeDoesNotNameTheSuppressedCustomer(t *testing.T) {
	notices := make(chan engine.Notice, 10)
	adjust := func(c *engine.Config) {
		c.Suppressed = func(_, friend string) bool { return friend == "wxid_secret" }
		c.Notice = func(n engine.Notice) { notices <- n }
	}
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, adjust, func(t *testing.T, r *rehearsal) {
		id := r.start("name: w\nsteps:\n  - uses: api.call\n    with: { effect: message, path: /x/doSendPublicMes, body: { WechatId: \"1\", x: [wxid_secret, other] } }\n")
		run := r.until(id, time.Second, over)
		require.Contains(t, run.Error.Message, "1 of those whom the call names")
		synctest.Wait() // it is told once the end is kept
		require.Len(t, notices, 1)
		notice := <-notices
		require.Equal(t, engine.NoticeEnded, notice.Kind)
		require.Contains(t, notice.Text, "suppressed")
		require.NotContains(t, notice.Text, "wxid_secret")
	})
}
