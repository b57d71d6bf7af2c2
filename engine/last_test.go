package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/workflows"
)

// The outcome that is kept back for an item's end must be that of a call after which nothing else is kept.
func TestTheLastCall(t *testing.T) {
	calls := func(path string) *workflows.Step {
		return &workflows.Step{Path: path, Uses: &workflows.Uses{Type: &workflows.StepType{Effect: workflows.EffectMessage}}}
	}
	local := &workflows.Step{Path: "local", Uses: &workflows.Uses{Type: &workflows.StepType{Effect: workflows.EffectLocal}}}
	group := func(steps ...*workflows.Step) *workflows.Step { return &workflows.Step{Path: "group", Steps: steps} }
	wait := &workflows.Step{Path: "wait", Wait: &workflows.Wait{}}
	child := &workflows.Step{Path: "child", Call: &workflows.Call{}}
	parallel := &workflows.Step{Path: "parallel", Parallel: []*workflows.Branch{{Steps: []*workflows.Step{calls("inside")}}}}
	one := calls("one")
	for name, test := range map[string]struct {
		list []*workflows.Step
		last *workflows.Step
	}{
		"the last":            {[]*workflows.Step{calls("first"), one}, one},
		"before a local one":  {[]*workflows.Step{one, local}, one},
		"in a group":          {[]*workflows.Step{calls("first"), group(one, local), local}, one},
		"behind a wait":       {[]*workflows.Step{wait, one}, one},
		"before a wait":       {[]*workflows.Step{one, wait}, nil},
		"before a wait, deep": {[]*workflows.Step{one, group(local, group(wait))}, nil},
		"before a child":      {[]*workflows.Step{one, child, local}, nil},
		"before branches":     {[]*workflows.Step{one, parallel}, nil},
		"none":                {[]*workflows.Step{local}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.last, lastCall(test.list, nil))
		})
	}
	require.Equal(t, one, lastCall([]*workflows.Step{wait}, []*workflows.Step{one}), "of a finally")
}
