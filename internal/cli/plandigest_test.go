package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const bound = `
name: bound
params: { word: { type: string, default: hello } }
send_window: { from: "09:00", to: "21:00" }
deadline: 12h
limits:
  account: { by: call.account, match: call.effect == "message", rate: 10/min }
steps:
  - id: list
    uses: audience.file
    with: { path: list.csv }
  - id: reach
    foreach:
      in: ${{ steps.list.rows }}
      as: row
      key: row.friend
      waves: [1, 100%]
      variants: { a: 1, b: 1 }
    steps:
      - uses: message.send
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}", text: "${{ row.name }} ${{ params.word }}" }
      - call: other
  - wait: 1h
`

const otherBound = "name: other\nsteps:\n  - uses: message.send\n    with: { account: \"1\", friend: boss, text: done }\n"

// Whatever a plan rests on, but for the time and what happened before, is in its digest.
func TestADigestCoversThePlan(t *testing.T) {
	t.Parallel()
	r := &repository{t: t, dir: t.TempDir()}
	const config = "timezone: Asia/Shanghai\nsuppress: never.csv\nlimits:\n  customer: { by: call.friend, per: 7d, max: 2, over: hold }\n"
	files := map[string]string{"youmiflow.yaml": config, "never.csv": "friend\n", "greet.yaml": bound, "other.yaml": otherBound,
		"list.csv": rowsOf("anna", "bert", "cora")}
	digest := func(change func(map[string]string), arguments ...string) string {
		now := map[string]string{}
		for name, text := range files {
			now[name] = text
		}
		change(now)
		for name, text := range now {
			r.write(name, text)
		}
		return read[comparison](t, append([]string{"plan", filepath.Join(r.dir, "greet.yaml")}, arguments...)...).Digest
	}
	same := func(map[string]string) {}
	replace := func(name, from, to string) func(map[string]string) {
		require.Contains(t, files[name], from)
		return func(files map[string]string) { files[name] = strings.Replace(files[name], from, to, 1) }
	}
	first := digest(same)
	require.Equal(t, first, digest(same))
	for what, change := range map[string]func(map[string]string){
		"window":           replace("greet.yaml", "21:00", "20:00"),
		"deadline":         replace("greet.yaml", "12h", "13h"),
		"own limit":        replace("greet.yaml", "10/min", "11/min"),
		"waves":            replace("greet.yaml", "[1, 100%]", "[2, 100%]"),
		"variants":         replace("greet.yaml", "b: 1", "b: 2"),
		"wait":             replace("greet.yaml", "1h\n", "2h\n"),
		"text":             replace("greet.yaml", "} ${{", "}, ${{"),
		"called workflow":  replace("other.yaml", "done", "over"),
		"shared limit":     replace("youmiflow.yaml", "max: 2", "max: 3"),
		"over":             replace("youmiflow.yaml", "hold", "skip"),
		"row":              replace("list.csv", ",bert", ",Bert"),
		"suppression list": replace("never.csv", "friend\n", "friend\nwxid_cora\n"),
	} {
		require.NotEqual(t, first, digest(change), what)
	}
	require.NotEqual(t, first, digest(same, "--param", "word=bye"), "param")
	test := digest(same, "--test-to", "1:me")
	require.NotEqual(t, first, test, "test")
	require.NotEqual(t, test, digest(same, "--test-to", "1:me", "--rows", "1"), "rows of the test")
	require.Equal(t, first, digest(same))
}
