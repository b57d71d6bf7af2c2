package ledger_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

// However many runs end while nobody tells people of it, an alarm that nobody has heard waits. Of alarms alone, and of ended
// runs alone, the oldest go.
func TestAnAlarmOutlastsAnyNumberOfEndedRuns(t *testing.T) {
	l := openEvents(t)
	add := func(kind engine.NoticeKind, from, to int) {
		var changes []engine.Change
		for i := from; i < to; i++ {
			changes = append(changes, engine.AddNotice{Notice: engine.Notice{ID: fmt.Sprint(kind, i), Kind: kind, At: at(1)}})
		}
		require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: changes}).Wait(t.Context()))
	}
	waiting := func() (ids []string) {
		list, err := l.Notices(t.Context(), 0)
		require.NoError(t, err)
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return ids
	}
	add(engine.NoticeTripped, 0, 1)
	add(engine.NoticeEnded, 0, ledger.NoticesKept+5)
	ids := waiting()
	require.Len(t, ids, ledger.NoticesKept)
	require.Equal(t, []string{"tripped0", "ended6"}, ids[:2])
	add(engine.NoticeStuck, 0, ledger.NoticesKept+5)
	ids = waiting()
	require.Len(t, ids, ledger.NoticesKept)
	require.Equal(t, "stuck5", ids[0], "the oldest alarms of too many")
	add(engine.NoticeEnded, 9000, 9001)
	require.NotContains(t, waiting(), "ended9000")
}
