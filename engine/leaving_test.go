package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A slice that has used up its time is not the end of the process: what cannot be done in slices goes on.
func TestASliceThatIsOverIsNotTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		leave := newLeaving(ctx, time.Now)
		require.False(t, leave.ending())
		require.NotNil(t, leave.end())
		time.Sleep(2 * time.Minute)
		require.True(t, leave.now())
		require.False(t, leave.ending())
		require.Nil(t, leave.end(), "nothing would wake from waiting for it")
	})
	ctx, cancel := context.WithCancel(t.Context())
	leave := newLeaving(ctx, time.Now)
	cancel()
	require.True(t, leave.ending())
	<-leave.end()
}
