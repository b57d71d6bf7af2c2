package workflows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// A scalar that stands as it is written is placed without going through it, and at the same place.
func TestBothWaysOfPlacingAgree(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab你👋 '"\.{}$:#`+"\n")), 1, 12, -1).Draw(t, "text")
		form := rapid.SampledFrom([]string{"plain", "single", "double"}).Draw(t, "form")
		written := text
		switch form {
		case "single":
			written = "'" + strings.ReplaceAll(text, "'", "''") + "'"
		case "double":
			written = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
		written = rapid.SampledFrom([]string{"", "&ab "}).Draw(t, "anchor") + written
		d := &decoder{problems: &problems{file: "x.yaml"}}
		root := d.read([]byte("a: 1\n键: " + written + "\n"))
		if root == nil || len(root.Content) != 4 || root.Content[3].Kind != yaml.ScalarNode || root.Content[3].Value == "" {
			t.Skip("not a scalar")
		}
		node := root.Content[3]
		if _, ok := d.text.asWritten(node); ok {
			quick++
		}
		length := len([]rune(node.Value))
		from := rapid.IntRange(-1, length+1).Draw(t, "from")
		to := rapid.IntRange(from, length+2).Draw(t, "to")
		slow := &yaml.Node{}
		*slow = *node
		require.Equal(t, d.text.span(node, d.text.find(slow), from, to), d.text.stretch(node, from, to), "%q %d-%d", written, from, to)
	})
	require.Positive(t, quick)
}
