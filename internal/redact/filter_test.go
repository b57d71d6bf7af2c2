package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The filter changes nothing but the time.
func TestTheFilterLetsNothingPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(Shortest, 40, 80).Draw(t, "secret")
		r := New(secret)
		if r == nil {
			return
		}
		all := forms(secret)
		text := rapid.String().Draw(t, "before") + rapid.SampledFrom(append(all, secret[:3], "")).Draw(t, "form") + rapid.String().Draw(t, "after")
		require.Equal(t, r.replacer.Replace(text), r.Text(text))
		for _, form := range all {
			require.GreaterOrEqual(t, len(form), 4, "the filter looks at the first four bytes")
			require.False(t, passes(r.filter, "x"+form))
			require.False(t, passes(r.filter, []byte(form+"x")))
		}
	})
	require.True(t, passes(New("correct-horse").filter, strings.Repeat("你好，world ", 20)))
}
