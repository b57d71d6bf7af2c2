package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

const campaign = `
name: campaign
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach:
      in: ${{ steps.people.rows }}
      as: customer
      key: customer.friend
      where: customer.tier != "none"
      concurrency: 4
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ customer.account }}", friend: "${{ customer.friend }}", reason: test }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "${{ customer.name }}，你好" }
      - uses: message.send
        if: customer.tier == "vip"
        with: { takeover: "${{ steps.hold.takeover }}", text: "VIP" }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

const people = `account,friend,name,tier
1,wx_a,张伟,vip
1,wx_b,李娜,gold
2,wx_c,王芳,gold
2,wx_a,张伟,vip
2,,无,gold
2,wx_d,刘洋,none
`

func TestACampaignRunsToItsEnd(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1})
	h.file("people.csv", people)
	run := h.wait(h.start(campaign), over)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3, engine.StatusSkipped: 3}, run.Counts)
	require.Equal(t, 10, run.Calls[engine.CallSucceeded]) // three times apply, send, end; one more send
	require.Equal(t, 3, run.Takeovers[engine.TakeoverEnded])
	require.Len(t, h.box.Deliveries(), 4)
	require.Zero(t, h.box.Stats().OpenTakeovers)
}
