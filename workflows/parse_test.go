package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExamplesOfThisProjectAreValid(t *testing.T) {
	w, problems := Load("../examples/double11/campaign.yaml", newTestCatalogue())
	for _, p := range problems {
		t.Log(p)
	}
	require.NotNil(t, w)
}
