package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const canary = `s3cr3t/<ca&na"ry>+友`

func TestWhereverASecretStandsItIsHidden(t *testing.T) {
	r := New("other-secret", canary, canary+"-longer")
	inJSON, err := json.Marshal(map[string]string{"token": canary})
	require.NoError(t, err)
	twice, err := json.Marshal(string(inJSON))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"plain": "Bearer " + canary, "JSON": string(inJSON), "JSON in JSON": string(twice),
		"query": "https://e.com/?t=" + url.QueryEscape(canary), "path": "https://e.com/" + url.PathEscape(canary) + "/x",
		"basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+canary)), "twice": canary + canary,
	} {
		hidden := r.Text(text)
		require.Contains(t, hidden, Mark, name)
		require.NotContains(t, hidden, "ca&na", name)
		require.NotContains(t, hidden, "na\\", name)
		require.NotContains(t, hidden, "c3IzY3", name)
	}
	require.Equal(t, "a *** b", r.Text("a "+canary+"-longer b"), "the longer one, whole")
	require.Equal(t, "nothing here", r.Text("nothing here"))
}

func TestBase64IsHiddenAtEveryOffset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[!-~]{6,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[ -~]{0,10}`).Draw(t, "before")
		after := rapid.StringMatching(`[ -~]{0,10}`).Draw(t, "after")
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			hidden := New(secret).Text(encoding.EncodeToString([]byte(before + secret + after)))
			require.Contains(t, hidden, Mark)
		}
	})
}

func TestWhatIsCutShortIsHidden(t *testing.T) {
	r := New(canary)
	for i := range canary {
		cut := canary[:i] + "…"
		if i >= 4 {
			require.Equal(t, "not ***", r.Text("not "+cut))
			inJSON, err := json.Marshal(cut)
			require.NoError(t, err)
			require.JSONEq(t, `"***"`, r.Text(string(inJSON)))
		}
	}
	long := New(strings.Repeat("k", 5000))
	require.Equal(t, "***", long.Text(strings.Repeat("k", 200)+"…"))
}

func TestJSONStaysJSON(t *testing.T) {
	r := New("123456", canary)
	for _, text := range []string{`{"id":123456}`, `{"id":1234567,"a":["123456"]}`, `"123456"`, `[1,2]`, `{"123456":null}`} {
		hidden := r.JSON(json.RawMessage(text))
		require.True(t, json.Valid(hidden), string(hidden))
		require.NotContains(t, string(hidden), "123456")
	}
	require.JSONEq(t, `{"a":1}`, string(r.JSON(json.RawMessage(`{"a":1}`))))
}

func TestNothingToHide(t *testing.T) {
	require.Nil(t, New())
	require.Nil(t, New("", "short"))
	var r *Redactor
	require.Equal(t, "a", r.Text("a"))
	require.JSONEq(t, "{}", string(r.JSON(json.RawMessage("{}"))))
	require.Equal(t, 1, r.Value(1))
	require.Equal(t, io.EOF, r.Error(io.EOF))
}

func TestErrorsStayWhatTheyAre(t *testing.T) {
	err := New(canary).Error(fmt.Errorf("asking with %s: %w", canary, io.EOF))
	require.EqualError(t, err, "asking with ***: EOF")
	require.ErrorIs(t, err, io.EOF)
}

func TestLogsHoldNoSecret(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(New(canary).Handler(slog.NewJSONHandler(&out, nil))).With("with", canary).WithGroup("g")
	logger.Info("message "+canary, "text", canary, "error", errors.New(canary), slog.Group("inner", "deep", canary),
		"any", struct{ Token string }{canary}, "number", 7)
	require.Equal(t, 6, strings.Count(out.String(), Mark), out.String())
	require.NotContains(t, out.String(), "s3cr3t")
	require.Contains(t, out.String(), `"number":7`)
}
