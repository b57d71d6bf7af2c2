package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

// slippery is a campaign in which the texts for customers hold every character that a Chinese keyboard has.
const slippery = `name: november
send_window: { from: "09:00", to: "21:00" }

limits:
  account:
    rate: 20/min
    daily: 40

steps:
  - id: s
    set: { name: “李”，您好：【看】！（５％）— 好 }
  - foreach:
      in: [1, 2]
      as: one
      where: one > 0
      waves: [{ size: 10%, approve: true }, 100%]
      # 备注：上面是波次，下面是比例
      tolerate: 5%
      variants: { 折扣: 70, 礼品: 30 }
    steps:
      - uses: log
        with:
          message: 您好：请看“双十一”，全场８折！
            优惠：明天截止，　快来
      - uses: log
        with:
          message: "您好：“双十一”，
            － 全场：８折！"
      - wait: 20s
      - uses: log
        with:
          message: |
            －您好：请看，
            　优惠：明天
`

// Whoever types with a Chinese keyboard is sent to the very character, and told what to write.
func TestTypedCharactersAreNamedAtTheirPlace(t *testing.T) {
	workflow, problems := Parse("a.yaml", []byte(slippery), newTestCatalogue())
	require.NotNil(t, workflow, show(problems, slippery))
	const colon, space = "the character ： cannot be used here; write : and a space", "the wide space (U+3000) cannot be used here; write a space"
	for _, one := range []struct{ right, typed, marked, says string }{
		{"name: november", "name：november", "：", colon},
		{"name: november", "name： november", "：", colon},
		{"rate: 20", "rate：20", "：", colon},
		{"daily: 40", "daily：40", "：", colon},
		{"limits:", "limits：", "：", colon},
		{"foreach:", "foreach：", "：", colon},
		{"where: one", "where：one", "：", colon},
		{"waves: [", "waves： [", "：", colon},
		{"tolerate: 5%", "tolerate：5%", "：", colon},
		{"variants: {", "variants：{", "：", colon},
		{"uses: log", "uses：log", "：", colon},
		{"with:", "with：", "：", colon},
		{"message: \"您", "message： \"您", "：", colon},
		{"wait: 20s", "wait：20s", "：", colon},
		{"折扣: 70", "折扣：70", "：", colon},
		{"折扣: 70", "折扣： 70", "：", colon},
		{"size: 10%", "size：10%", "：", colon},
		{"name: november\nsend_window: {", "name：november\nsend_window：{", "：", colon},
		{"tolerate: 5%", "tolerate:5%", ":", `a space is missing after this colon: write ": "`},
		{"wait: 20s", "wait:20s", ":", `a space is missing after this colon: write ": "`},
		{"- wait", "-wait", "-", `a space is missing after this dash: write "- "`},
		{"- wait", "－ wait", "－", "write -"},
		{"- wait", "— wait", "—", "write -"},
		{"- wait", "-　wait", "　", space},
		{"tolerate: 5%", "tolerate:　5%", "　", space},
		{"wait: 20s", "wait:　20s", "　", space},
		{"      tolerate", "　     tolerate", "　", space},
		{"      tolerate", "　　　tolerate", "　", space},
		{"      tolerate", "　　tolerate", "　", space},
		{"      tolerate", "\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0tolerate", "\u00a0", "the no-break space (U+00A0) cannot"},
		{"5%", "5％", "％", "the character ％ cannot be used here; write % (tolerate needs"},
		{"5%", "５%", "５", "write 5"},
		{"5%", "5% ＃ few", "＃", "write #"},
		{"40", "４０", "４", "write 4"},
		{"20s", "20ｓ", "ｓ", "write s"},
		{"tolerate", "ｔolerate", "ｔ", "write t"},
		{`"09:00"`, "“09:00”", "“", `write "`},
		{`"09:00"`, `"09：00"`, "：", "write :"},
		{`"09:00"`, `"09:00”`, "”", `write "`},
		{"uses: log", "uses: “log”", "“", `write "`},
		{"10%, approve", "10%， approve", "，", "write ,"},
		{"70, 礼", "70，礼", "，", "write ,"},
		{`"09:00", to`, `"09:00"， to`, "，", "write ,"},
		{"100%]", "100%］", "］", "write ]"},
		{"礼品: 30 }", "礼品: 30 ｝", "｝", "write }"},
		{"{ 折扣: 70, 礼品: 30 }", "｛ 折扣: 70, 礼品: 30 ｝", "｛", "write {"},
		{"[{ size: 10%, approve: true }, 100%]", "【{ size: 10%, approve: true }, 100%】", "【", "write ["},
		{`８折！"`, `８折！”`, "”", `write "`},
	} {
		source := strings.Replace(slippery, one.right, one.typed, 1)
		require.NotEqual(t, slippery, source)
		_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
		requireInside(t, problems, []byte(source))
		at := strings.Index(source, one.typed)
		at += strings.Index(one.typed, one.marked)
		line, named := 1+strings.Count(source[:at], "\n"), 0
		column := 1 + len([]rune(source[strings.LastIndex(source[:at], "\n")+1:at]))
		for _, problem := range problems {
			if strings.Contains(problem.Message, one.says) {
				named++
				require.Equal(t, []int{line, column, column + 1}, []int{problem.Line, problem.Column, problem.EndColumn}, one.typed)
			}
		}
		require.Equal(t, 1, named, "%s\n%s", one.typed, show(problems, source))
	}
}

// What is wrong for another reason is never put down to a text for customers.
func TestTextsForCustomersAreNotBlamed(t *testing.T) {
	tried := 0
	for i, c := range slippery {
		if !strings.ContainsRune(`"'[]{},-`+"\n", c) {
			continue
		}
		for _, source := range []string{slippery[:i] + slippery[i+1:], slippery[:i] + "?\t" + slippery[i:], slippery[:i] + "\n " + slippery[i:], slippery[:i] + `"` + slippery[i:]} {
			_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
			requireInside(t, problems, []byte(source))
			if len(problems) > 0 && problems[0].Code == "yaml-syntax" {
				tried++
				require.NotContains(t, problems[0].Message, "the character", "%s\n%s", show(problems, source), source)
				require.NotContains(t, problems[0].Message, "the wide space", "%s\n%s", show(problems, source), source)
			}
		}
	}
	require.Greater(t, tried, 100)
	for _, source := range []string{
		"steps:\n  - uses: log\n    with: 您好：请看，这里\n",
		"steps:\n  - uses: log\n    with: \"您好：请看，这里\"\n",
		"steps:\n  - uses: log\n    with: { text: 您好，提醒: 明天 }\n",
		"steps:\n  - uses: log\n    with: { message: [\"您好：请看\", {a: “好”的}], messag: 1 }\n",
		"steps:\n  - https://a.b\n",
		"steps:\n  - uses: log\n    with: { message: \"${{ '５％' > 1 }}\" }\n",
	} {
		_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
		require.NotEmpty(t, problems, source)
		require.NotContains(t, show(problems, source), "cannot be used here", source)
		require.NotContains(t, show(problems, source), "is missing after", source)
	}
}

// A file that is all slips is refused as quickly as others.
func TestManySlipsAreFewReadings(t *testing.T) {
	for _, source := range []string{
		"a: {" + strings.Repeat("b：c，", MaxSource/8),
		strings.Repeat("a：b\n", MaxSource/8) + "c: d",
		strings.Repeat("　", MaxSource/4) + "a：b\nc: d: e\n",
		"a: [\n" + strings.Repeat("［b， c］\n", MaxSource/20),
	} {
		_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
		require.True(t, problems.HasErrors())
		requireInside(t, problems, []byte(source))
	}
}

// One wide colon anywhere in a real file is found.
func TestWideColonsOfRealFiles(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("testdata", "ok", "campaign.yaml"))
	require.NoError(t, err)
	keys, found := 0, 0
	lines := strings.Split(string(source), "\n")
	for i, line := range lines {
		at := strings.Index(line, ": ")
		if at < 0 || strings.HasPrefix(strings.TrimSpace(line), "#") || !keyLike.MatchString(strings.TrimLeft(line[:at], " -")) {
			continue
		}
		slipped := append([]string{}, lines...)
		slipped[i] = line[:at] + "：" + line[at+2:]
		broken := strings.Join(slipped, "\n")
		_, problems := Parse("a.yaml", []byte(broken), newTestCatalogue())
		requireInside(t, problems, []byte(broken))
		keys++
		for _, problem := range problems {
			if problem.Line == i+1 && problem.Column == len([]rune(line[:at]))+1 && strings.Contains(problem.Message, "the character ：") {
				found++
				break
			}
		}
	}
	t.Logf("%d of %d", found, keys)
	require.Greater(t, keys, 10)
	require.Equal(t, keys, found)
}

// Of settings only the place is shown: behind a wide colon a secret is part of the key.
func TestTypedCharactersShowNoSecret(t *testing.T) {
	for _, source := range []string{
		"connections:\n  default: { client_id: x, client_secret：hunter2 }\n",
		"connections:\n  default: { client_id: x, client_secret:hunter2 }\n",
		"connections:\n  default:\n    client_secret：hunter2\n",
		"connections:\n  default:\n    client_secret：hunter2\n    client_id: x\n",
		"connections:\n  default: { client_id: “hunter2”, client_secret: hunter2， token_url: x }\n",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(source), 0o600))
		_, problems := LoadProject(dir, func(string) (string, bool) { return "", false })
		require.True(t, problems.HasErrors(), source)
		var out strings.Builder
		require.NoError(t, diagnostic.Text(&out, problems, func(string) ([]byte, error) { return []byte(source), nil }, false))
		require.Regexp(t, "cannot be used here|is missing after", out.String())
		require.NotContains(t, out.String(), "hunter2")
	}
}

func TestNamesThatThereAreNot(t *testing.T) {
	for source, want := range map[string]string{
		"steps: [{ uses: send_it }]": "there is no step \"send_it\": `youmiflow steps` lists them",
		"steps:\n  - foreach: { in: [1], as: n, stop_when: reply }\n    steps: [{ uses: log, with: { message: hi } }]": "there is no event \"reply\": there are chat, customer.changed,",
		"steps:\n  - foreach:\n      in: [1]\n      tolerate: 5%\n    variants: { a: 1, b: 1 }\n      as: n\n":         "begin this line in column 5, or line 5 in column 7, like those around it",
	} {
		_, problems := Parse("a.yaml", []byte(source), newTestCatalogue())
		require.Contains(t, show(problems, source), want)
	}
}
