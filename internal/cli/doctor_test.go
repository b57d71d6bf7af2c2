package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
	"youmiflow/internal/sandbox"
)

// A clock that is wrong is a warning, and a failure where signed calls depend on it.
func TestDoctorComparesClocks(t *testing.T) {
	for name, test := range map[string]struct {
		ahead time.Duration // of the platform
		v1    bool
		code  int
		want  string
	}{
		"right":         {0, true, 0, `clock ok `},
		"behind":        {time.Hour, false, 0, `clock warn this machine is (1h0m0|59m59)[.0-9]*s behind the platform`},
		"ahead":         {-time.Hour, false, 0, `clock warn this machine is (1h0m0|59m59)[.0-9]*s ahead of the platform`},
		"a little":      {-5 * time.Minute, true, 0, `clock warn `},
		"ahead, signed": {-time.Hour, true, 3, `clock fail .*signed calls older than 10 minutes are refused`},
	} {
		t.Run(name, func(t *testing.T) {
			box, err := sandbox.New(sandbox.Config{Clock: func() time.Time { return time.Now().Add(test.ahead) }})
			require.NoError(t, err)
			url, stop, err := sandbox.Start(t.Context(), box)
			require.NoError(t, err)
			defer func() { stop(); require.NoError(t, box.Close()) }()
			dir := t.TempDir()
			settings := fmt.Sprintf("base_url: %q, token_url: %q, client_id: a, client_secret: \"${SECRET}\"", url, url+"/connect/token")
			if test.v1 {
				settings += fmt.Sprintf(", v1: { base_url: %q, appid: \"1\", appkey: \"${SECRET}\" }", url+"/v1")
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte("connections:\n  default: { "+settings+" }\n"), 0o600))
			var out, complaints bytes.Buffer
			code := cli.Main(context.Background(), []string{"doctor", "--project", dir}, cli.Environment{
				Stdout: &out, Stderr: &complaints, Version: "test",
				Lookup: func(name string) (string, bool) { return "sandbox", name == "SECRET" },
			})
			require.Equal(t, test.code, code, "%s%s", &out, &complaints)
			require.Regexp(t, test.want, strings.Join(strings.Fields(out.String()), " ")) // lines break where they are full
			require.Zero(t, box.Stats().Deliveries)
		})
	}
}
