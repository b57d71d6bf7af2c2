package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

func TestTextThatHardlyAnybodyMeans(t *testing.T) {
	const head = "steps:\n  - { id: s, set: { name: 李 } }\n  - uses: log\n    with:\n      message: "
	for text, want := range map[string]string{
		`"你好 {{ customer.name }}！"`:             "missing-dollar <<{{ customer.name }}>>",
		`'{{ a }}'`:                             "missing-dollar <<{{ a }}>>",
		`"${{ steps.s.name }} {{ b }}"`:         "missing-dollar <<{{ b }}>>",
		`"$${{ a }} {{ b }}"`:                   "missing-dollar <<{{ b }}>>",
		`“你好”`:                                  "chinese-quotes <<“你好”>>",
		`“${{ steps.s.name }}，你好”`:              "chinese-quotes <<“${{ steps.s.name }}，你好”>>",
		`"${{ steps.s.name }} {{ b"`:            "",
		`"$${{ a }}"`:                           "",
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

func TestTheFormOfAPatternIsSaid(t *testing.T) {
	source := "steps:\n  - uses: message.send\n    with: { account: a, friend: b, link: www.example.com }\n"
	workflow, problems := Parse("flow.yaml", []byte(source), newTestCatalogue())
	require.Nil(t, workflow)
	require.Equal(t, "3:42-57 error pattern: input \"link\" needs an address that begins with https:// <<www.example.com>>\n", show(problems, source))
}
