package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

func TestErrorsBecomeProblems(t *testing.T) {
	for _, one := range []struct {
		err    error
		status int
		code   string
	}{
		{engine.ErrNotFound, 404, "not-found"},
		{&engine.StateError{Run: "r", Status: engine.StatusFailed, Want: "paused"}, 409, "state"},
		{engine.ErrOver, 409, "state"},
		{engine.ErrExists, 409, "conflict"},
		{engine.ErrBusy, 409, "conflict"},
		{&workflows.ParamError{Workflow: "w"}, 422, "params"},
		{&engine.AudienceError{Count: 1, First: []engine.RowProblem{{Row: 3, Problem: "is bad"}}}, 422, "audience"},
		{&engine.BackfillError{Reason: "no"}, 422, "backfill"},
		{diagnostic.List{{Severity: diagnostic.Error, Message: "wrong"}}, 422, "invalid"},
		{&InvalidError{errors.New("not like this")}, 422, "invalid"},
		{&InvalidError{&engine.AudienceError{Count: 1, First: []engine.RowProblem{{Row: 3, Problem: "is bad"}}}}, 422, "audience"},
		{NotFound("there is none"), 404, "not-found"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{errors.New("password=hush"), 500, "internal"},
	} {
		p := problemOf(fmt.Errorf("around: %w", one.err))
		require.Equal(t, one.status, p.Status, "%v", one.err)
		require.Equal(t, one.code, string(p.Code), "%v", one.err)
		require.Equal(t, http.StatusText(one.status), p.Title)
		require.NotContains(t, p.Detail, "hush")
		require.Equal(t, one.status == 500, p.Instance != "")
	}
	first, second := problemOf(errors.New("x")), problemOf(errors.New("x"))
	require.NotEqual(t, first.Instance, second.Instance)
}

// patient is a recorder that takes deadlines, as connections do.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetReadDeadline(time.Time) error  { return nil }
func (patient) SetWriteDeadline(time.Time) error { return nil }

func TestStreamsShowThatTheyLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := patient{httptest.NewRecorder()}
		out, err := newStream(answer)
		require.NoError(t, err)
		beat := time.NewTicker(heartbeatEvery)
		defer beat.Stop()
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Second)
		defer stop()
		require.ErrorIs(t, wait(ctx, nil, beat.C, out), context.DeadlineExceeded)
		require.Equal(t, "retry: 1000\n\n: still here\n\n: still here\n\n: still here\n\n", answer.Body.String())
	})
}

// Whatever a client takes for a cursor, it points somewhere or is refused.
func FuzzCursors(f *testing.F) {
	for _, seed := range []string{"", "eyJJdGVtIjoxLCJTZWVuIjoyfQ", "MTI", "bnVsbA", "!", "W10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, into := range []any{new(string), new(int64), new(callCursor)} {
			if err := (page{cursor: text}).position(into); err != nil {
				require.Equal(t, http.StatusBadRequest, problemOf(err).Status)
			}
		}
	})
}
