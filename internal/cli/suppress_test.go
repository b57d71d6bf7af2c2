package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/workflows"
)

// suppressing is a list of these files, with what it logs.
func suppressing(t *testing.T, files map[string]string) (*suppression, string, *bytes.Buffer) {
	t.Helper()
	dir, log := t.TempDir(), &bytes.Buffer{}
	config := &workflows.Project{}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		config.Suppress = append(config.Suppress, name)
	}
	return newSuppression(&project{dir: dir, config: config}, slog.New(slog.NewTextHandler(log, nil))), dir, log
}

func TestWhoIsOnTheSuppressionList(t *testing.T) {
	s, _, _ := suppressing(t, map[string]string{
		"a.csv":   "account,friend\n,everywhere\n1,here\n,wide\u3000\n",
		"b.jsonl": `{"friend": 12345}` + "\n" + `{"friend": "x", "account": 135387}` + "\n",
	})
	require.NoError(t, s.load())
	for who, want := range map[string]bool{
		"1/everywhere": true, "2/everywhere": true, "1/here": true, "2/here": false, "1/12345": true, "135387/x": true, "1/x": false, "/here": true, "/x": true, "/nobody": false, "1/": false,
		"1/wide": true, "1/everywhere\u3000": true, "1/\u200beverywhere": true, "1\ufeff/here": true, "1/every where": false, // what nobody sees gets nobody past it
	} {
		account, friend, _ := strings.Cut(who, "/")
		require.Equal(t, want, s.has(account, friend), who)
	}
}

func TestTheSuppressionListIsReadAgainWhenItChanges(t *testing.T) {
	s, dir, log := suppressing(t, map[string]string{"a.csv": "friend\nfirst\n"})
	require.NoError(t, s.load())
	file, now := filepath.Join(dir, "a.csv"), time.Now()
	require.NoError(t, os.WriteFile(file, []byte("friend\nfirst\nsecond\n"), 0o600))
	s.refresh(now)
	require.False(t, s.has("1", "second"), "it was just read")
	s.refresh(now.Add(suppressionAge))
	require.True(t, s.has("1", "second"))
	require.NoError(t, os.WriteFile(file, []byte("customer\nthird\n"), 0o600))
	s.refresh(now.Add(2 * suppressionAge))
	require.True(t, s.has("1", "first"), "what cannot be read takes nobody off")
	require.Contains(t, log.String(), "the one before stays in force")
	require.NoError(t, os.Remove(file))
	s.refresh(now.Add(3 * suppressionAge))
	require.True(t, s.has("1", "first"))
}

func TestALongSuppressionListTakesEightBytesEach(t *testing.T) {
	const n = 200_000
	var text strings.Builder
	text.WriteString("friend\n")
	for i := range n {
		fmt.Fprintf(&text, "wxid_%d\n", i)
	}
	s, _, _ := suppressing(t, map[string]string{"a.csv": text.String()})
	require.NoError(t, s.load())
	require.Len(t, s.hashes, n)
	for i := range n {
		require.True(t, s.has("1", fmt.Sprintf("wxid_%d", i)))
	}
	require.False(t, s.has("1", "wxid_x"))
}

func TestASuppressionListWithABadRowIsRefused(t *testing.T) {
	for text, want := range map[string]string{"account,friend\n1,a\n1,\n": "row 3", "who\na\n": "friend"} {
		s, _, _ := suppressing(t, map[string]string{"a.csv": text})
		require.ErrorContains(t, s.load(), want)
	}
	s, _, _ := suppressing(t, map[string]string{"empty.csv": ""})
	require.NoError(t, s.load(), "nobody is on it yet")
	require.False(t, s.has("1", "a"))
}
