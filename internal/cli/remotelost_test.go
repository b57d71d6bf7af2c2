package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/web/client"
)

// A daemon that is not heard of any more says nothing about its run: no exit code may say that nothing was sent, or that the
// run failed.
func TestWhatIsNotKnownOfARunElsewhere(t *testing.T) {
	f := &following{remote: remote{app: &app{server: "http://daemon"}}, id: "r1"}
	away := &client.UnreachableError{Host: "daemon", Err: errors.New("refused")}
	for _, one := range []struct {
		err  error
		code int
		says string
	}{
		{f.lost(away), exitStopped, "look at it with: youmiflow runs show r1 --server http://daemon"},
		{f.lost(&client.Error{Status: 503, Code: "unavailable", Detail: "64 clients watch"}), exitStopped, "the run goes on"},
		{f.lost(errors.New("the daemon has ended the stream")), exitStopped, "the run goes on"},
		{f.lost(&client.Error{Status: 401, Code: "token", Detail: "send a token"}), exitInvalid, "send a token"},
		{f.lost(context.Canceled), exitStopped, "canceled"},
		{&client.DoubtError{Err: away}, exitFailed, "not known whether the run was begun"},
		{fmt.Errorf("at the start: %w", away), exitInvalid, "cannot be reached"},
	} {
		require.Equal(t, one.code, exitCode(one.err), "%v", one.err)
		require.ErrorContains(t, one.err, one.says)
	}
}
