package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// However much a customer has to say, and others of them, the word that stops an item is heard: before the next message
// leaves, and while it waits.
func TestAStopIsHeardBehindAnyNumberOfOtherEvents(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprintf("acted on by the run alone: %t", alone), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rehearseWith(t, t.TempDir(), "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening, ledger.Off)
				defer func() { r.end() }()
				id := r.start(fmt.Sprintf(stopping, `{ event: chat, if: 'event.content == "stop"' }`))
				time.Sleep(time.Hour)
				if !alone {
					defer r.hearing()()
				}
				var all sync.WaitGroup
				for i := range 1100 {
					all.Go(func() { r.push(fmt.Sprint("n", i), "chat", said("1", "a", fmt.Sprint("talk ", i), i%2)) })
				}
				all.Wait()
				r.push("s", "chat", said("1", "a", "stop", 0))
				r.until(id, time.Minute, over)
				require.Equal(t, 1, r.box.Delivered("1", "a"))
				require.Equal(t, 2, r.box.Delivered("2", "a"))
				require.Equal(t, "stopped: the customer answered", r.items(id)["1a"].Reason)
			})
		})
	}
}
