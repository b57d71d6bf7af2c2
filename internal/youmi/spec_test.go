package youmi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentIsValidOpenAPI(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	require.NoError(t, spec.Validate(context.Background()))
}

func TestEveryOperationIsMarked(t *testing.T) {
	operations, err := Operations()
	require.NoError(t, err)
	var ids []string
	for _, operation := range operations {
		ids = append(ids, operation.ID)
		require.Contains(t, []string{"documented", "partial", "assumed"}, operation.Status, operation.ID)
		require.Contains(t, []string{"read", "idempotent", "message"}, operation.Effect, operation.ID)
		require.Regexp(t, `^((api|doc)-\d+|contents)$`, operation.Source, operation.ID)
		require.NotEmpty(t, operation.Summary, operation.ID)
		if operation.Status != "documented" {
			require.NotEmpty(t, operation.Guess, operation.ID)
		}
	}
	require.Len(t, ids, 30)
}
