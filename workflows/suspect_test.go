package workflows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

func TestTextThatHardlyAnybodyMeans(t *testing.T) {
	const head = "steps:\n  - { id: s, set: { name: 李 } }\n  - uses: log\n    with:\n      message: "
	for text, want := range map[string]string{
		`"你好 {{ customer.name }}！"`:                  "missing-dollar <<{{ customer.name }}>>",
		`'{{ a }}'`:                                  "missing-dollar <<{{ a }}>>",
		`"${{ steps.s.name }} {{ b }}"`:              "missing-dollar <<{{ b }}>>",
		`"$${{ a }} {{ b }}"`:                        "missing-dollar <<{{ b }}>>",
		`“你好”`:                                       "chinese-quotes <<“你好”>>",
		`“${{ steps.s.name }}，你好”`:                   "chinese-quotes <<“${{ steps.s.name }}，你好”>>",
		`"${{ steps.s.name }} {{ b"`:                 "",
		`"$${{ a }}"`:                                "",
		`"您好 ${customer.name}，在吗"`:                   "single-brace <<${customer.name}>>",
		`"${ 姓名 }${other}"`:                          "single-brace <<${ 姓名 }>>",
		`"$｛｛ customer.name ｝｝，您好"`:                  "full-width-braces <<$｛｛ customer.name ｝｝>>",
		`"＄{{ customer.name }}"`:                     "full-width-braces <<＄{{ customer.name }}>>",
		`"$｛name｝"`:                                  "full-width-braces <<$｛name｝>>",
		`"${{ steps.s.name }} ${b}"`:                 "single-brace <<${b}>>",
		`"¥5 = $5, ${}, ${1}, {a}, ｛｛好｝｝"`:           "",
		`"${{ '${b}' }}${{ '${b}' }}${{ '{{b}}' }}"`: "",
		`"${a"`:                                 "",
		`"${{ string(len({'a': {'b': 1}})) }}"`: "",
		`"${{ steps.s.name + '{{ b }}' }} b"`:   "",
		`"“你好”"`:                                "", // put there on purpose
		`“双十一”和“双十二”`:                           "",
		`“双十一”到了`:                               "",
	} {
		source := head + text + "\n"
		workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
		require.NotNil(t, workflow, "%s: %s", text, show(problems, source))
		got := ""
		for _, problem := range problems {
			line := []rune("      message: " + text)
			got += problem.Code + " <<" + string(line[problem.Column-1:problem.EndColumn-1]) + ">>"
			require.Equal(t, diagnostic.Warning, problem.Severity, text)
		}
		require.Equal(t, want, got, text)
	}
}

// A variant that there is not is never one.
func TestVariantsThatThereAreNot(t *testing.T) {
	const flow = "steps:\n  - foreach: { in: [1], as: one, variants: { a: 50, b: 50 } }\n    steps:\n      - uses: log\n        if: %s\n        with: { message: \"hi ${{ %s }}\" }\n"
	for condition, want := range map[string]string{
		`variant == 'C'`:                     "C",
		`"A" != variant && one > 0`:          "A",
		`variant in ["a", "c", "b", 'd']`:    "c d",
		`one > 0 ? variant == "c" : true`:    "c",
		`variant == "a" or variant in ["b"]`: "",
		`one == 1 or "C" == "D"`:             "",
		`variant == item.key`:                "",
		`"C" in [variant]`:                   "",
	} {
		for _, source := range []string{fmt.Sprintf(flow, condition, "variant"), fmt.Sprintf(flow, "true", condition)} {
			workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
			if strings.Contains(condition, `"`) && workflow == nil {
				continue // not within YAML's double quotes
			}
			require.NotNil(t, workflow, show(problems, source))
			var got []string
			for _, problem := range problems {
				require.Equal(t, "unknown-variant", problem.Code)
				require.Contains(t, problem.Message, "there are a, b")
				line := []rune(strings.Split(source, "\n")[problem.Line-1])
				got = append(got, string(line[problem.Column-1:problem.EndColumn-1]))
			}
			require.Equal(t, want, strings.Join(got, " "), source)
		}
	}
}

func TestTheFormOfAPatternIsSaid(t *testing.T) {
	source := "steps:\n  - uses: message.send\n    with: { account: a, friend: b, link: www.example.com }\n"
	workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
	require.Nil(t, workflow)
	require.Equal(t, "3:42-57 error pattern: input \"link\" needs an address that begins with https:// <<www.example.com>>\n", show(problems, source))
}
