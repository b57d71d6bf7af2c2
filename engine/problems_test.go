package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
)

// sink keeps problems in memory, or fails when it is full.
type sink struct {
	mu    sync.Mutex
	lists map[string][]engine.RowProblem
	ended int
	most  int
}

type sinkList struct {
	sink *sink
	name string
}

func (s *sink) Begin(name string) (engine.ProblemList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil {
		s.lists = map[string][]engine.RowProblem{}
	}
	s.lists[name] = nil
	return sinkList{s, name}, nil
}

func (l sinkList) Add(problem engine.RowProblem) error {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	if l.sink.most > 0 && len(l.sink.lists[l.name]) == l.sink.most {
		return errors.New("the disk is full")
	}
	l.sink.lists[l.name] = append(l.sink.lists[l.name], problem)
	return nil
}

func (l sinkList) End() (string, error) {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	l.sink.ended++
	return "problems/" + l.name, nil
}

const checked = `
name: checked
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv, columns: { filled: [friend] } }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: int(who.key), where: int(who.points) > 0, lane: "[\"a\", \"b\"][int(who.lane)]" }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ who.friend }}", text: hello }
`

// many has a problem in every second row, each of another kind, beyond what is shown and what is kept in a batch.
func many(rows int) string {
	var b strings.Builder
	b.WriteString("friend,key,points,lane\n")
	for i := range rows {
		switch i % 10 {
		case 1:
			fmt.Fprintf(&b, "f%d,%d,1\n", i, i)
		case 3:
			fmt.Fprintf(&b, ",%d,1,0\n", i)
		case 5:
			fmt.Fprintf(&b, "f%d,%d,many,0\n", i, i)
		case 7:
			fmt.Fprintf(&b, "f%d,none,1,0\n", i)
		case 9:
			fmt.Fprintf(&b, "f%d,%d,1,7\n", i, i)
		default:
			fmt.Fprintf(&b, "f%d,%d,1,0\n", i, i)
		}
	}
	return b.String()
}

func TestAllProblemsOfAListAreTold(t *testing.T) {
	const rows = 2500
	h := build(t, sandbox.Config{})
	kept := &sink{}
	h.engine.Problems = kept
	h.file("people.csv", many(rows))
	run := h.wait(h.start(checked), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "audience", run.Error.Code)
	require.Equal(t, "people.csv: 1,250 of 2,500 rows have problems, the first: row 3: the row has 3 cells where the header has 4; "+
		"add the missing cells, empty where there is no value. All of them are in problems/"+run.ID, run.Error.Message)
	require.Empty(t, h.items(run.ID), "nothing of the list is kept")
	require.Zero(t, h.box.Stats().Deliveries)
	list := kept.lists[run.ID]
	require.Len(t, list, rows/2)
	require.Equal(t, 1, kept.ended)
	for i, problem := range list {
		require.Equal(t, 3+2*i, problem.Row, "in their order, each once")
	}
	for i, want := range []string{"the row has 3 cells", "empty", "where: ", "key: ", "lane: "} {
		require.Contains(t, list[i].Problem, want)
	}
	require.Equal(t, "friend", list[1].Column)

	clock := &engine.VirtualClock{}
	config := h.engine.Config
	config.Ledger, config.Problems, config.Limiter = nil, nil, limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})
	_, err := engine.New(config).Plan(t.Context(), engine.Submission{Workflow: h.parse(checked)}, clock)
	found, ok := errors.AsType[*engine.AudienceError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, rows/2, found.Bad)
	require.Equal(t, rows, found.Rows)
	require.Len(t, found.First, 20)
	require.Empty(t, found.Place)
}

func TestAListOfProblemsThatCannotBeKept(t *testing.T) {
	h := build(t, sandbox.Config{})
	h.engine.Problems = &sink{most: 3}
	h.file("people.csv", many(100))
	run := h.wait(h.start(checked), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Contains(t, run.Error.Message, "the disk is full")
	require.Zero(t, h.box.Stats().Deliveries)
}

func TestOneProblemIsToldAsItIs(t *testing.T) {
	h := build(t, sandbox.Config{})
	h.file("people.csv", "friend,key,points,lane\nf1,1,1,0\n,2,1,0\n")
	run := h.wait(h.start(checked), over)
	require.Equal(t, "people.csv: row 3, column friend: empty; fill the cell, or delete the row", run.Error.Message)
}

// A secret must not be kept, and a row or a param must not be changed in silence: such a list and such a run are refused.
func TestSecretsInListsAndParamsAreRefused(t *testing.T) {
	h := build(t, sandbox.Config{})
	h.file("people.csv", "friend,key,points,lane\nf1,1,1,0\nmy-secret-value,2,1,0\n")
	clock := &engine.VirtualClock{}
	config := h.engine.Config
	config.Secrets = map[string]string{"token": "my-secret-value"}
	config.Limiter = limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})
	secretive := engine.New(config)
	_, err := secretive.Plan(t.Context(), engine.Submission{Workflow: h.parse(checked)}, clock)
	require.ErrorContains(t, err, `row 3: column "friend" holds the value of a secret`)
	require.NotContains(t, err.Error(), "my-secret")
	workflow := h.parse("params: { p: { type: string } }\nsteps:\n  - uses: log\n    with: { message: \"${{ params.p }} ${{ secrets.token }}\" }\n")
	_, err = secretive.Create(t.Context(), engine.Submission{Workflow: workflow, Params: map[string]any{"p": "x my-secret-value"}})
	require.ErrorContains(t, err, `the param "p" holds the value of a secret`)
	require.NotContains(t, err.Error(), "my-secret")
	_, err = h.engine.Create(t.Context(), engine.Submission{Workflow: workflow, Params: map[string]any{"p": "x"}})
	missing, ok := errors.AsType[*engine.SecretError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, engine.SecretError{Name: "token", File: "test.yaml", Line: 4, Column: missing.Column}, *missing)
}
