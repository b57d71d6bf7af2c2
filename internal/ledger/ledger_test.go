package ledger_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/ledger/ledgertest"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		appendUntilKilled()
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(context.Background(), ledger.Config{DSN: "sqlite://" + path, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "new folder %20?#", "ledger.db")
}

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) engine.Ledger { return open(t, newPath(t)) })
}
