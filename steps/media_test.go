package steps

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The short way to read an address gives what url.Parse gives, or nothing.
func TestPlainAddressesAreReadAsURLs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`(https?|HTTP|ftp)://?[a-zA-Z0-9.:%-]{0,6}([/?#%=&a-z0-9._ -]|é){0,12}`).Draw(t, "address")
		way, plain := plainAddress(address)
		if !plain {
			return
		}
		parsed, err := url.Parse(address)
		require.NoError(t, err)
		require.Equal(t, parsed.Path, way)
		require.NotEmpty(t, parsed.Host)
	})
	for _, address := range []string{"https://img.example.com/double11/poster.png", "http://a.example/?x=1", "https://a.example"} {
		_, plain := plainAddress(address)
		require.True(t, plain, address)
	}
	for _, address := range []string{"https:///a.png", "https://a.example:80/a", "https://a.example/%41", "https://a.example/a#b", "//a.example", "https://a b/"} {
		_, plain := plainAddress(address)
		require.False(t, plain, address)
	}
}
