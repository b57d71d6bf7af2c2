package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/workflows"
)

// Another pace begins where the slots of the one before end: calls that wait for those still leave at them.
func TestAnotherPaceKeepsItsDistance(t *testing.T) {
	slow := &workflows.Limit{Name: "account", Rate: perMinute(60)}
	quick := &workflows.Limit{Name: "account", Rate: perSecond(10), GapMin: 50 * time.Millisecond, GapMax: 50 * time.Millisecond}
	l, c := fixture(slow)
	require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, reserve(t, l, "a", 3))
	c.at = start.Add(500 * time.Millisecond)
	l.SetShared([]*workflows.Limit{quick})
	require.Equal(t, []time.Duration{2100 * time.Millisecond, 2200 * time.Millisecond}, reserve(t, l, "a", 2))
	l.SetShared([]*workflows.Limit{slow})
	l.SetShared([]*workflows.Limit{quick}) // and back, before any call
	require.GreaterOrEqual(t, reserve(t, l, "a", 1)[0], 2300*time.Millisecond)
}

// Slots that are far away are asked for again when the limits change: they do not keep the new pace waiting.
func TestAnotherPaceDoesNotWaitForWhatIsFarAway(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "account", Rate: workflows.Rate{Count: 1, Per: time.Hour}})
	require.Equal(t, 2*time.Hour, reserve(t, l, "a", 3)[2])
	l.SetShared([]*workflows.Limit{{Name: "account", Rate: perSecond(1)}})
	require.Equal(t, 31*time.Second, reserve(t, l, "a", 1)[0])
}

// A limit that stays as it is, goes on where it was; one of another key knows nothing of it.
func TestTheSamePaceGoesOn(t *testing.T) {
	same := workflows.Limit{Name: "account", Rate: perMinute(60)}
	l, _ := fixture(&same)
	require.Equal(t, []time.Duration{0, time.Second}, reserve(t, l, "a", 2))
	again := same
	l.SetShared([]*workflows.Limit{&again, {Name: "other", Rate: perSecond(1)}})
	require.Equal(t, 2*time.Second, reserve(t, l, "a", 1)[0])
}
