package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/notify"
)

// pigeon is a channel that keeps what it gets, and fails while it is told to.
type pigeon struct {
	mu    sync.Mutex
	fails error
	tries int
	got   []notify.Message
}

func (p *pigeon) Send(_ context.Context, message notify.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.fails == nil {
		p.got = append(p.got, message)
	}
	return p.fails
}

func (p *pigeon) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = err
}

func (p *pigeon) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

func (p *pigeon) titles() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, message := range p.got {
		list = append(list, message.Title)
	}
	return list
}

// post is an office over a ledger on disk, on the time of the bubble that it is made in.
type post struct {
	t      *testing.T
	ledger *ledger.Ledger
	engine *engine.Engine
	*telling
}

func openPost(t *testing.T, path string, channels map[string]notify.Channel, rules ...notify.Rule) *post {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: path, Durability: ledger.Off, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p := &post{t: t, ledger: l, telling: newTelling(l, slog.New(slog.DiscardHandler), notify.New(t.Context(), notify.Config{Channels: channels, Rules: rules}))}
	p.engine = engine.New(engine.Config{Ledger: l, Notice: func(engine.Notice) { p.poke() }})
	p.begin(t.Context())
	return p
}

func (p *post) end() {
	p.t.Helper()
	require.NoError(p.t, p.telling.close())
	require.NoError(p.t, p.ledger.Close())
}

// trip has there be something to tell.
func (p *post) trip(account string) {
	p.t.Helper()
	require.NoError(p.t, p.engine.TripAccount(p.t.Context(), "default", account, time.Time{}, "why", "me"))
}

func (p *post) waiting() int {
	p.t.Helper()
	list, err := p.ledger.Notices(p.t.Context(), 0)
	require.NoError(p.t, err)
	return len(list)
}

func everything(to ...string) notify.Rule { return notify.Rule{On: notify.Ons(), To: to} }

// What a process could not deliver, the next one does: to the channels that have not had it, under the same id.
func TestNotificationsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		well, ill := &pigeon{}, &pigeon{fails: errors.New("HTTP 503")}
		channels := map[string]notify.Channel{"well": well, "ill": ill}
		p := openPost(t, path, channels, everything("well", "ill"))
		p.trip("a1")
		synctest.Wait()
		require.Equal(t, []string{"Account held: a1"}, well.titles())
		began := time.Now()
		p.end()
		require.LessOrEqual(t, time.Since(began), goodbye)

		p = openPost(t, path, channels, everything("well", "ill"))
		synctest.Wait()
		ill.fail(nil)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"Account held: a1"}, ill.titles())
		require.Len(t, well.got, 1, "who has it does not get it again")
		require.Equal(t, well.got[0].ID, ill.got[0].ID)
		require.NotEmpty(t, ill.got[0].ID)
		require.Zero(t, p.waiting())
		p.end()
	})
}

// A process that is killed has told nobody.
func TestNotificationsOutliveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		l, err := ledger.Open(t.Context(), ledger.Config{DSN: path})
		require.NoError(t, err)
		e := engine.New(engine.Config{Ledger: l, Notice: func(engine.Notice) {}}) // it dies right after the commit
		require.NoError(t, e.TripAccount(t.Context(), "default", "a1", time.Time{}, "why", "me"))
		require.NoError(t, l.Close())
		team := &pigeon{}
		p := openPost(t, path, map[string]notify.Channel{"team": team}, everything("team"))
		synctest.Wait()
		require.Equal(t, []string{"Account held: a1"}, team.titles())
		p.end()
	})
}

// A channel that fails for long holds nobody up, is asked less and less, and what waits for it is bounded in number and age.
func TestAChannelThatFailsForLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		ill := &pigeon{fails: errors.New("HTTP 503")}
		p := openPost(t, path, map[string]notify.Channel{"ill": ill}, everything("ill"))
		for i := range ledger.NoticesKept + 50 {
			p.trip(fmt.Sprint("a", i))
		}
		require.Equal(t, ledger.NoticesKept, p.waiting())
		time.Sleep(12 * time.Hour)
		require.LessOrEqual(t, len(p.open()), ledger.NoticesKept)
		before := ill.tried()
		time.Sleep(time.Hour)
		require.Less(t, ill.tried()-before, 40, "four attempts every ten minutes, whatever waits")
		time.Sleep(12 * time.Hour)
		require.Zero(t, p.waiting(), "after a day it is given up")
		ill.fail(nil)
		p.trip("new")
		time.Sleep(time.Hour)
		require.Equal(t, []string{"Account held: new"}, ill.titles())
		p.end()
	})
}

// While a channel fails, runs that end push out no alarm: neither of the ledger nor of what this process has taken up.
func TestAnAlarmIsToldAfterAnyNumberOfEndedRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		team := &pigeon{fails: errors.New("HTTP 503")}
		p := openPost(t, path, map[string]notify.Channel{"team": team}, everything("team"))
		p.trip("a1")
		time.Sleep(noticePoll)
		over, failure := engine.StatusFailed, engine.Failure{Code: "x"}
		for i := range ledger.NoticesKept + 50 {
			run := fmt.Sprint("r", i)
			require.NoError(t, p.engine.Ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{
				engine.AddRun{Run: engine.Run{ID: run, Trigger: "manual", Status: engine.StatusRunning}}, engine.SetRun{ID: run, Status: &over, Error: &failure}}}).Wait(t.Context()))
			if i%100 == 0 {
				time.Sleep(noticePoll) // taken up
			}
		}
		require.Equal(t, ledger.NoticesKept, p.waiting())
		time.Sleep(noticePoll)
		team.fail(nil)
		time.Sleep(20 * time.Minute)
		require.Contains(t, team.titles(), "Account held: a1")
		p.end()
	})
}

// Who refuses a message is not asked again, and what is not to be told at all does not wait.
func TestWhatNobodyIsToldDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		no := &pigeon{fails: &notify.Refused{Reason: "no"}}
		p := openPost(t, path, map[string]notify.Channel{"no": no}, notify.Rule{On: []notify.On{notify.AccountTripped}, To: []string{"no"}})
		p.trip("a1")
		over, failure := engine.StatusFailed, engine.Failure{Code: "x"}
		require.NoError(t, p.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Status: engine.StatusRunning}}}}).Wait(t.Context()))
		require.NoError(t, p.engine.Ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.SetRun{ID: "r", Status: &over, Error: &failure}}}).Wait(t.Context()))
		time.Sleep(time.Minute)
		require.Zero(t, p.waiting())
		require.Equal(t, 1, no.tried())
		p.end()
	})
}
