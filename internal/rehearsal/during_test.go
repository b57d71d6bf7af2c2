package rehearsal_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shop greets three customers, started by a person, a schedule or an event.
const shop = `
name: shop
params: { text: { type: string, default: hello } }
triggers:
  - schedule: "0 10 * * MON-FRI"
    missed: latest
    params: { text: morning }
  - event: chat
    if: event.content contains "coupon"
    params: { text: "you asked for ${{ event.content }}" }
limits:
  account: { rate: 12/min }
steps:
  - id: ask
    if: run.trigger == "manual"
    approve: { text: "Write to them?", for: 1d }
  - id: reach
    foreach: { in: [{ friend: f1 }, { friend: f2 }, { friend: f3 }], as: c, key: c.friend, stop_when: { event: chat } }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "1", friend: "${{ c.friend }}", reason: test }
      - id: say
        uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "${{ params.text }}" }
outputs: { at: "${{ run.scheduled_at }}", trigger: "${{ run.trigger }}", by: "${{ steps.ask.by }}" }
`

func TestPeopleActDuringARun(t *testing.T) {
	passes(t, shop, `
tests:
  - name: a decision, with who
    during: [{ at: 2m, approve: ask, by: Li, note: fine }]
    expect: { status: succeeded, messages: [{ at: 10:02 }, { at: 10:02 }, { at: 10:02 }], outputs: { trigger: manual, by: Li } }
  - name: a no
    during: [{ at: 10:30, reject: ask }]
    expect: { status: failed, error: rejected, messages: [] }
  - name: a decision at the instant of the question
    during: [{ at: 0s, approve: ask }]
    expect: { messages: [{ at: 10:00:00 }, {}, {}] }
  - name: a pause, and going on
    approvals: { ask: approve }
    during: [{ at: 1h, resume: true }, { at: 6s, pause: true }]
    expect: { status: succeeded, messages: [{ at: 0s..6s }, { at: 0s..6s }, { at: 1h..61m }] }
  - name: a pause that ends at once
    approvals: { ask: approve }
    during: [{ at: 6s, pause: true }, { at: 6s, resume: true }]
    expect: { status: succeeded, counts: { succeeded: 3 } }
  - name: a pause that does not end
    approvals: { ask: approve }
    during: [{ at: 6s, pause: true }]
    expect: { status: paused, messages: [{}, {}] }
  - name: a cancel
    approvals: { ask: approve }
    during: [{ at: 6s, cancel: true }]
    expect: { status: cancelled, counts: { succeeded: 2, cancelled: 1 } }
`)
}

// What cannot happen at its moment is a failure at its place.
func TestWhatCannotHappenIsSaid(t *testing.T) {
	text := fails(t, shop, `
tests:
  - name: too late
    approvals: { ask: approve }
    during:
      - { at: 2m, resume: true }
      - { at: 3m, approve: ask }
    expect: { status: succeeded }
`)
	require.Contains(t, text, "6 resume at 2026-01-05 10:02:00: the run is succeeded")
	require.Contains(t, text, "7 approve at 2026-01-05 10:03:00: the step ask asks nobody then")
	require.Contains(t, fails(t, shop, `
tests:
  - name: too early
    trigger: chat
    during: [{ at: 1s, pause: true }]
    expect: { messages: [] }
`), "pause at 2026-01-05 10:00:01: there is no run yet")
}

// A process that dies in the middle of a call leaves an outcome that nobody knows; another one goes on with the rest.
func TestTheProcessDies(t *testing.T) {
	passes(t, shop, `
tests:
  - name: in the middle of a call
    approvals: { ask: approve }
    faults: ["doSendPublicMes:delay:20s:first=1"]
    during: [{ at: 10s, crash: 5m }]
    expect:
      status: partial
      items: { f1: { status: unknown, reason: stopped before }, f2: succeeded, f3: succeeded }
      calls_contain:
        - { step: say, friend: f1, state: unknown, code: interrupted, at: 10:00:00 }
        - { operation: endTakeOver, friend: f1, at: 10:05:10 }
        - { step: say, friend: f2, at: 10:05:10..10:05:20 }
  - name: while a person is asked
    during: [{ at: 1m, crash: true }, { at: 2m, crash: 1h }, { at: 90m, approve: ask }]
    expect: { status: succeeded, messages: [{ at: 90m..91m }, {}, {}] }
  - name: and its limits are not forgotten
    approvals: { ask: approve }
    during: [{ at: 1s, crash: true }, { at: 2s, crash: true }]
    expect: { status: succeeded, messages: [{ at: 0s }, { at: 5s }, { at: 10s }] }
`)
}

func TestASchedule(t *testing.T) {
	passes(t, shop, `
tests:
  - name: its next instant starts the run
    clock: 2026-11-13 10:01
    trigger: 0 10 * * MON-FRI
    expect:
      status: succeeded
      fires: [2026-11-16 10:00]
      messages: [{ text: morning, at: 2026-11-16 10:00:00 }, {}, {}]
      outputs: { at: "2026-11-16T02:00:00Z", trigger: schedule, by: null }
  - name: some days
    clock: 2026-11-13 09:00
    trigger: { name: 0 10 * * MON-FRI, follow: 4d }
    expect: { fires: [2026-11-13 10:00, 2026-11-16 10:00], counts: { total: 3 } }
  - name: nobody was there
    clock: 2026-11-13 09:00
    trigger: { name: 0 10 * * MON-FRI, follow: 6d }
    during: [{ at: 2026-11-13 09:30, crash: 5d }]
    expect:
      fires:
        - { at: 2026-11-16 10:00, outcome: missed }
        - { at: 2026-11-17 10:00, outcome: fired, reason: made up for }
        - 2026-11-18 10:00
`)
	require.Contains(t, fails(t, shop, `
tests:
  - name: another day
    clock: 2026-11-13 09:00
    trigger: { name: 0 10 * * MON-FRI, follow: 4d }
    expect: { fires: [2026-11-13 10:00, { at: 2026-11-14 10:00, outcome: fired }] }
`), "fires\n  {at: 2026-11-13 10:00}\n- {at: 2026-11-14 10:00, outcome: fired}\n+ {at: 2026-11-16 10:00:00, outcome: fired}")
}

func TestAnEvent(t *testing.T) {
	passes(t, shop, `
tests:
  - name: one that is meant starts the run, of which that customer is a part too
    trigger: chat
    during:
      - { at: 1s, event: { kind: chat, account: "1", friend: f1, from: customer, content: hello } }
      - { at: 10s, event: { kind: chat, account: "1", friend: f1, from: customer, content: a coupon } }
    expect:
      fires: [10s]
      messages: [{ friend: f1, text: you asked for a coupon }, { friend: f2 }, { friend: f3 }]
      outputs: { trigger: event, by: null }
  - name: one that is not meant starts nothing
    trigger: chat
    during: [{ at: 1s, event: { kind: chat, account: "1", friend: f1, from: customer, content: hello } }]
    expect: { fires: [], messages: [] }
  - name: an answer stops what was to come
    approvals: { ask: approve }
    during: [{ at: 6s, event: { kind: chat, account: "1", friend: f3, from: customer, content: stop } }]
    expect: { items: { f3: { status: skipped, reason: the customer answered } }, messages: [{ friend: f1 }, { friend: f2 }] }
  - name: a device that is out of order holds its account
    approvals: { ask: approve }
    during: [{ at: 1s, event: { kind: device.fault, account: "1", error: battery } }]
    expect: { status: succeeded, messages: [{ at: 10:00 }, { at: 11:00 }, { at: 11:00 }] }
  - name: a task's result settles what nobody knew
    approvals: { ask: approve }
    faults: ["doSendPublicMes:lose:first=1"]
    during: [{ at: 1m, event: { kind: chat, account: "1", friend: f1, from: account, content: hello } }]
    expect: { status: succeeded, counts: { succeeded: 3 } }
`)
	require.Contains(t, fails(t, shop, `
tests:
  - name: no run
    trigger: chat
    expect: { counts: { total: 3 } }
`), "no run was started")
}

// What a customer has written stands in the chat that a step reads.
func TestWhatACustomerWritesStandsInTheChat(t *testing.T) {
	passes(t, `
steps:
  - wait: 1m
  - id: chat
    uses: chat.read
    with: { account: "1", friend: f1 }
outputs: { said: "${{ len(steps.chat.messages) }}" }
`, `
tests:
  - name: one message
    during: [{ at: 1s, event: { kind: message.received, account: "1", friend: f1, content: hello } }]
    expect: { outputs: { said: 1 } }
`)
}

func TestATestSend(t *testing.T) {
	passes(t, shop, `
tests:
  - name: to me
    test_to: { recipient: "9:me", rows: 2 }
    approvals: { ask: approve }
    expect: { status: succeeded, counts: { total: 2 }, messages: [{ account: "9", friend: me }, { account: "9", friend: me }] }
  - name: as many rows as the command takes
    test_to: 9:me
    approvals: { ask: approve }
    expect: { counts: { total: 3 } }
`)
}

// Events that wait for a run to end start theirs then.
func TestEventsWaitForRoom(t *testing.T) {
	passes(t, `
name: one
triggers: [{ event: chat, if: event.from == "customer", max_runs: 1 }]
steps:
  - wait: 10m
  - uses: message.send
    with: { account: "1", friend: "${{ event.friend }}", text: hello }
`, `
tests:
  - name: three at once
    trigger: chat
    during:
      - { at: 1m, event: { kind: chat, account: "1", friend: f1, from: customer, content: a } }
      - { at: 1m, event: { kind: chat, account: "1", friend: f2, from: customer, content: b } }
      - { at: 2m, event: { kind: chat, account: "1", friend: f3, from: customer, content: c } }
    expect: { fires: [1m, 11m, 21m], messages: [{ friend: f1, at: 11m }, { friend: f2, at: 21m }, { friend: f3, at: 31m }] }
`)
}

// A customer who answers ends their own wait, and nobody else's.
func TestAnAnswerEndsAWait(t *testing.T) {
	passes(t, `
steps:
  - id: reach
    foreach: { in: [{ friend: f1 }, { friend: f2 }], as: c, key: c.friend, stop_when: chat }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ c.friend }}", text: hello }
      - wait: 1d
      - uses: message.send
        with: { account: "1", friend: "${{ c.friend }}", text: bye }
`, `
tests:
  - name: one answers
    during: [{ at: 1h, event: { kind: chat, account: "1", friend: f1, from: customer, content: stop } }]
    expect:
      items: { f1: { status: succeeded, reason: "stopped: the customer answered" } }
      messages: [{ friend: f1, text: hello }, { friend: f2, text: hello }, { friend: f2, text: bye }]
`)
}
