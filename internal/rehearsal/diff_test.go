package rehearsal

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
)

// What is paired agrees and keeps its order, and there is no longer way to pair it.
func TestAlignPairsAsManyAsThereCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 8).Draw(t, "a")
		b := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 8).Draw(t, "b")
		pairs := align(len(a), len(b), func(i, j int) bool { return a[i] == b[j] })
		last := [2]int{-1, -1}
		for _, pair := range pairs {
			require.Equal(t, a[pair[0]], b[pair[1]])
			require.True(t, pair[0] > last[0] && pair[1] > last[1], "%v", pairs)
			last = pair
		}
		require.Len(t, pairs, longest(a, b))
	})
}

// longest is the length of the longest common subsequence, the slow and plain way.
func longest(a, b []int) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	if a[0] == b[0] {
		return 1 + longest(a[1:], b[1:])
	}
	return max(longest(a[1:], b), longest(a, b[1:]))
}

func made(friends ...string) []madeCall {
	at := start()
	p := &play{Setting: &Setting{Test: &Test{Clock: at, Location: at.Location()}}, stage: &Stage{Reads: read}}
	calls := make([]madeCall, len(friends))
	for i, friend := range friends {
		calls[i] = madeCall{engine.Call{Operation: "send", Friend: friend, State: engine.CallSucceeded, StartedAt: at,
			Request: []byte(`{"Text":"hi ` + friend + `","Type":1,"Deep":{"a":1,"b":[1,{"c":2}]}}`)}, p}
	}
	return calls
}

func read(request json.RawMessage) []string {
	_, text, _ := strings.Cut(string(request), `"Text":"`)
	text, _, _ = strings.Cut(text, `"`)
	return []string{text}
}

func wanted(key string, friends ...string) *Calls {
	calls := &Calls{Key: key}
	for i, friend := range friends {
		call := Call{Fields: []Field{{"friend", Text{Value: friend}}}}
		call.Span.Line = i + 1
		calls.List = append(calls.List, call)
	}
	return calls
}

func TestCallsAreComparedInOrder(t *testing.T) {
	diff, _ := compareCalls(wanted("calls", "a", "b"), made("a", "b"))
	require.Nil(t, diff)
	diff, _ = compareCalls(wanted("calls"), made())
	require.Nil(t, diff)
	diff, span := compareCalls(wanted("calls", "a", "b", "c", "d", "e", "f"), made("a", "b", "c", "x", "e", "f", "g"))
	require.Equal(t, []string{
		"  … 1 more …", "  {friend: b}", "  {friend: c}", "- {friend: d}", "+ {friend: x}", "  {friend: e}", "  {friend: f}",
		"+ {operation: send, friend: g, text: hi g, at: 10:00:00}",
	}, diff)
	require.Equal(t, 4, span.Line)
	diff, _ = compareCalls(wanted("calls", "a", "b"), made("b"))
	require.Equal(t, []string{"- {friend: a}", "  {friend: b}"}, diff)
	diff, _ = compareCalls(wanted("calls"), made(strings.Split(strings.Repeat("x", 200), "")...))
	require.Len(t, diff, mostLines+1)
}

func TestSomeCallsMayBeAllThatIsExpected(t *testing.T) {
	diff, _ := compareCalls(wanted("calls_contain", "b", "d"), made("a", "b", "c", "d"))
	require.Nil(t, diff)
	diff, span := compareCalls(wanted("calls_contain", "d", "b"), made("a", "b", "c", "d"))
	require.Equal(t, []string{"  {friend: d}", "- {friend: b}"}, diff)
	require.Equal(t, 2, span.Line)
}

func TestACallMustHaveSucceededUnlessTheTestSaysOtherwise(t *testing.T) {
	got := made("a")
	got[0].State, got[0].Code = engine.CallFailed, "10002"
	diff, _ := compareCalls(wanted("calls", "a"), got)
	require.Equal(t, []string{"- {friend: a}", `+ {friend: a, state: failed, code: 10002}`}, diff)
	want := wanted("calls", "a")
	want.List[0].Fields = append(want.List[0].Fields, Field{"code", Text{Value: "10002"}})
	diff, _ = compareCalls(want, got)
	require.Nil(t, diff)
}

func TestOfABodyOnlyTheNamedPartIsCompared(t *testing.T) {
	for name, test := range map[string]struct {
		body map[string]any
		diff []string
	}{
		"same":            {map[string]any{"Type": 1, "Deep": map[string]any{"a": 1}}, nil},
		"list":            {map[string]any{"Deep": map[string]any{"b": []any{1, map[string]any{"c": 2}}}}, nil},
		"other":           {map[string]any{"Type": 2}, []string{`- {friend: a, body: {"Type":2}}`, `+ {friend: a, body: {"Type":1}}`}},
		"absent":          {map[string]any{"None": nil}, []string{`- {friend: a, body: {"None":null}}`, `+ {friend: a, body: {}}`}},
		"longer list":     {map[string]any{"Deep": map[string]any{"b": []any{1}}}, []string{`- {friend: a, body: {"Deep":{"b":[1]}}}`, `+ {friend: a, body: {"Deep":{"b":[1,{"c":2}]}}}`}},
		"text for number": {map[string]any{"Type": "1"}, []string{`- {friend: a, body: {"Type":"1"}}`, `+ {friend: a, body: {"Type":1}}`}},
	} {
		want := wanted("calls", "a")
		want.List[0].Body = test.body
		diff, _ := compareCalls(want, made("a"))
		require.Equal(t, test.diff, diff, name)
	}
}

func TestManyCallsAreStillCompared(t *testing.T) {
	var a, b []string
	for i := range 3000 {
		a, b = append(a, fmt.Sprint(i)), append(b, fmt.Sprint(i+i%2))
	}
	diff, _ := compareCalls(wanted("calls", a...), made(b...))
	require.Len(t, diff, mostLines+1)
}
