package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// mixed has whatever an item can compute: several conversations, groups, branches, loops of its own by way of another
// workflow, and texts that are larger than what a plan lends them.
const mixed = `
name: mixed
steps:
  - { id: people, uses: audience.file, with: { path: people.csv } }
  - id: each
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, where: 'who.tier in ["gold", "vip"]' }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", reason: "${{ who.tier }}" }
      - id: words
        set: { text: "${{ who.name + who.more }}", half: "${{ who.tier == \"vip\" }}" }
      - id: greet
        uses: message.batch
        with:
          takeover: ${{ steps.hold.takeover }}
          messages:
            - text: "${{ who.name }}: ${{ steps.words.text }}"
            - link: { url: "https://shop.example.com/${{ who.friend }}", title: "${{ who.name }}" }
            - image: https://img.example.com/a.png
      - { id: maybe, if: 'who.tier == "vip"', uses: message.send, with: { takeover: "${{ steps.hold.takeover }}", text: maybe } }
      - parallel:
          left:
            - { id: other, uses: takeover.apply, with: { account: "7", friend: "${{ who.friend }}-b" } }
            - { uses: message.send, if: steps.words.half, with: { takeover: "${{ steps.other.takeover }}", text: "b ${{ who.name }}" } }
          right:
            - { uses: message.send, with: { account: "8", friend: "${{ who.friend }}-c", text: "c ${{ steps.greet.status }}" } }
      - { id: again, call: loops, with: { friend: "${{ who.friend }}", name: "${{ who.name }}" } }
      - { uses: message.send, with: { takeover: "${{ steps.hold.takeover }}", text: "${{ steps.again.said }} ${{ steps.maybe.status }} ${{ steps.maybe.skipped }}" } }
    finally:
      - { uses: takeover.end, with: { takeover: "${{ steps.hold.takeover }}" } }
`

const loops = `
name: loops
params: { friend: { type: string, required: true }, name: { type: string, required: true } }
outputs: { said: "${{ params.name }}" }
steps:
  - id: list
    set: { rows: "${{ [{n: 1}, {n: 2}, {n: 3}] }}" }
  - foreach: { in: "${{ steps.list.rows }}", as: one }
    steps:
      - { uses: message.batch, with: { account: "9", friend: "${{ params.friend }}", messages: [ { text: "${{ params.name }} ${{ one.n }}" }, { text: "${{ one.n }}" } ] } }
`

// What a plan finds of an item is what it finds of that item alone: nothing of the items before is left in it.
func TestItemsOfAPlanDoNotMix(t *testing.T) {
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.catalogue, err = steps.New(steps.Config{Resolve: func(path string, _ []string) (string, error) { return h.dir + "/" + path, nil }})
	require.NoError(t, err)
	workflow, problems := workflows.ParseIn("mixed.yaml", []byte(mixed), h.catalogue, &steered{others: map[string]string{"loops": loops}})
	require.NoError(t, problems.Err())
	var rows []string
	for i := range 600 {
		tier := []string{"gold", "silver", "vip"}[i%3]
		more := strings.Repeat("更多", []int{0, 10, 2000, 3}[i%4])
		rows = append(rows, fmt.Sprintf("%d,f%d,名%d,%s,%s\n", i%5, i, i, tier, more))
	}
	items := func(rows ...string) map[string]engine.PlannedItem {
		h.file("people.csv", "account,friend,name,tier,more\n"+strings.Join(rows, ""))
		e := engine.New(engine.Config{Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore()}), Steps: h.catalogue, Catalogue: h.catalogue})
		found := map[string]engine.PlannedItem{}
		require.NoError(t, e.PlanItems(t.Context(), engine.Submission{Workflow: workflow}, &engine.VirtualClock{}, func(item engine.PlannedItem) error {
			sample, err := item.Show()
			require.NoError(t, err)
			item.Show = func() (engine.Sample, error) { return sample, nil }
			found[item.Key] = item
			return nil
		}))
		return found
	}
	together := items(rows...)
	require.Len(t, together, 400)
	for _, i := range []int{0, 2, 3, 5, 6, 8, 257, 258, 260, 599} {
		key := fmt.Sprint("f", i)
		alone := items(rows[i])[key]
		require.Equal(t, alone.Text, together[key].Text, key)
		want, _ := alone.Show()
		got, _ := together[key].Show()
		require.Equal(t, want.Calls, got.Calls, key)
		require.Equal(t, want.Row, got.Row, key)
		require.Len(t, got.Calls, map[bool]int{true: 12, false: 10}[i%3 == 2])
	}
}
