package steps

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// Whoever a call that changes something names, the suppression list is asked about them: as its friend, or among its people.
func TestEveryCallSaysWhomItReaches(t *testing.T) {
	catalogue, _ := platform(t, sandbox.Config{Seed: 1})
	nobody := []string{"callback.register", "event.subscribe", "bulk_send.delete", "http.request", "notify.send"}
	looked := 0
	check := func(name string, with map[string]any) {
		step, _ := catalogue.Lookup(name)
		if step.Effect == workflows.EffectRead || step.Effect == workflows.EffectLocal || slices.Contains(nobody, name) {
			return
		}
		action, err := prepare(t, catalogue, name, with)
		require.NoError(t, err, name)
		if action.Request == nil || action.Request.Effect == workflows.EffectRead {
			return
		}
		reached := append(slices.Clone(action.Request.People), action.Request.Friend)
		for _, person := range []string{"wxid_example", "13800000000"} {
			if strings.Contains(string(action.Request.Body), person) {
				looked++
				require.Contains(t, reached, person, "%s: %s", name, action.Request.Body)
			}
		}
	}
	for _, request := range requests() {
		check(request.step, request.with)
	}
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		workflow, _ := workflows.Parse("example.yaml", []byte("steps:\n"+element(step.Example)), catalogue)
		if workflow == nil || strings.Contains(step.Example, "steps.hold") {
			continue
		}
		with, err := workflow.Steps[0].Uses.With.Eval(map[string]any{"secrets": map[string]any{"crm_token": "t"}})
		require.NoError(t, err, name)
		check(name, with.(map[string]any))
	}
	check("bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "hi"}}, "fields": map[string]any{"to": "wxid_example"}})
	check("api.call", map[string]any{"effect": "message", "path": "/v2/x", "body": map[string]any{"to": []any{"wxid_example"}}})
	require.Greater(t, looked, 8)
}

func TestPeopleAreFoundWhereverTheyStand(t *testing.T) {
	for _, one := range []struct {
		value any
		want  []string
	}{
		{nil, []string{}},
		{"a", []string{"a"}},
		{[]any{"a", 13800000000, true, nil, ""}, []string{"13800000000", "a"}},
		{"a, b；c", []string{"a", "a, b；c", "b", "c"}},
		{map[string]any{"to": map[string]any{"wxid_1": 1.0}}, []string{"1", "to", "wxid_1"}},
		{`[{"who":"a"}, "b"]`, []string{"a", "b", "who"}},
		{`{not json, a}`, []string{"a", "a}", "json", "not", "{not", "{not json, a}"}},
		{"who=a.b&x=", []string{"a", "a.b", "b", "who", "who=a.b&x=", "x"}},
		{"who=wxid%5fa+1", []string{"1", "5fa", "who", "who=wxid%5fa+1", "wxid", "wxid%5fa+1", "wxid_a", "wxid_a 1"}},
		{`["[\"[\\\"deep\\\"]\"]"]`, []string{"deep"}},
	} {
		require.Equal(t, one.want, peopleIn(one.value), "%v", one.value)
	}
}

// Whatever text a call has a name in, it is found: in a form, an address, marked or encoded text, and within them JSON.
func TestPeopleAreFoundInFormsAndAddresses(t *testing.T) {
	for _, text := range []string{
		"friend=wxid_a&text=hi", "text=hi&friend=wxid_a", "/v2/send?friend=wxid_a", "/v2/send/wxid_a", "/v2/send?to[]=wxid_a#x", "to:wxid_a", "to：wxid_a",
		"<to>wxid_a</to>", `<to id="wxid_a"/>`, "(wxid_a)", "wxid_a.", "{wxid_a}", `to='wxid_a'`, "a*wxid_a", "friend=wxid%5Fa", "friend=%20wxid_a+", "friends=x%2Cwxid_a",
		`to=[%7B%22who%22%3A%22wxid_a%22%7D]`, "friend=%77%78%69%64_a&bad=%zz", ` [{"a":"wxid_a"}] `,
	} {
		require.Contains(t, peopleIn(text), "wxid_a", text)
	}
}
