package ledger

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// A migration that the constant does not know of would never reach a ledger that is there already.
func TestTheVersionIsThatOfTheLastMigration(t *testing.T) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, files, version)
}
