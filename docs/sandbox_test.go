package docs_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
)

// Every fault that the page shows can be asked for, and every kind is shown.
func TestFaultsInGuideCanBeAskedFor(t *testing.T) {
	page := pages(t)["docs/sandbox.md"]
	kinds := map[sandbox.Kind]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+:[^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		fault, err := sandbox.ParseFault(row[1])
		require.NoError(t, err)
		kinds[fault.Kind] = true
	}
	for _, kind := range []sandbox.Kind{sandbox.KindDelay, sandbox.KindCode, sandbox.KindHTTP, sandbox.KindLose, sandbox.KindLoseBefore,
		sandbox.KindTruncate, sandbox.KindGarbage, sandbox.KindExpire, sandbox.KindSlow} {
		require.True(t, kinds[kind], "the page does not show %s", kind)
	}
}
