package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Standstill is something that a run waits for, as the ledger has it: whoever reads it need not be who works on the run.
type Standstill struct {
	Run   string // the run itself, or one that it has called
	Step  string
	Kind  StandstillKind
	Text  string    // for people
	Until time.Time // zero: until somebody or something else lets it go on
}

// StandstillKind is what kind of thing a run waits for.
type StandstillKind string

// The kinds. A run with items that are held goes on with the others.
const (
	StandsApprove StandstillKind = "approve" // a person
	StandsWait    StandstillKind = "wait"    // a step with wait
	StandsPause   StandstillKind = "pause"   // between two waves
	StandsCall    StandstillKind = "call"    // a run that it has called
	StandsItems   StandstillKind = "items"   // items of a foreach that are held
	StandsWindow  StandstillKind = "window"  // its send window to open
	StandsLimit   StandstillKind = "limit"   // a rate or a gap of the limits
	StandsRest    StandstillKind = "rest"    // the rest of an account
	StandsQuota   StandstillKind = "quota"   // the next hour or day of an account that has used its own up
	StandsAccount StandstillKind = "account" // an account that is held
	StandsRetry   StandstillKind = "retry"   // another attempt of a call
	StandsTurn    StandstillKind = "turn"    // another run, or item of it, that speaks with the same customer
	StandsQueue   StandstillKind = "queue"   // earlier runs of its workflow
	StandsStart   StandstillKind = "start"   // the instant at which it begins
	StandsPaused  StandstillKind = "paused"  // somebody to resume it
)

// standstillItems bounds how many held items are looked at to tell why they are.
const standstillItems = 1000

// Standstills lists what a run waits for: questions first, those of the runs that it has called too.
func Standstills(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	var all []Standstill
	for _, find := range standsOf(run) {
		found, err := find(ctx, ledger, run)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// standsOf are the ways to find out what a run waits for.
func standsOf(run Run) []func(context.Context, Ledger, Run) ([]Standstill, error) {
	switch {
	case run.Status.Over():
		return nil
	case run.Status == StatusPending:
		return []func(context.Context, Ledger, Run) ([]Standstill, error){standsBefore}
	case run.Status == StatusPaused && run.Wanted == WantPause:
		return []func(context.Context, Ledger, Run) ([]Standstill, error){standsPaused, standsAsking, standsWithItems}
	}
	return []func(context.Context, Ledger, Run) ([]Standstill, error){
		standsAsking, standsBetweenWaves, standsInSteps, standsInLanes, standsWithItems,
	}
}

// standsBefore looks at what a run waits for that has not begun.
func standsBefore(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	if run.NotBefore.After(run.CreatedAt) {
		return []Standstill{{Run: run.ID, Kind: StandsStart, Until: run.NotBefore, Text: "begins later, as its trigger's jitter says"}}, nil
	}
	if !run.Queued {
		return nil, nil
	}
	open, err := openRuns(ctx, ledger, run.Workflow, run.Sandbox)
	if err != nil {
		return nil, err
	}
	for _, other := range slices.Backward(open) { // the oldest first
		if other.ID == run.ID {
			break
		}
		return []Standstill{{Run: run.ID, Kind: StandsQueue, Text: fmt.Sprintf("run %s of %s, which was there before", other.ID, other.Workflow)}}, nil
	}
	return nil, nil
}

func standsPaused(_ context.Context, _ Ledger, run Run) ([]Standstill, error) {
	text := "somebody to resume it"
	if run.Error != nil && run.Error.Message != "" {
		text += ": " + run.Error.Message
	}
	return []Standstill{{Run: run.ID, Kind: StandsPaused, Text: text}}, nil
}

// mostStandsInLanes bounds how many reasons of lanes are told.
const mostStandsInLanes = 20

// standsInLanes looks at why lanes were given back, those that wait for the same together.
func standsInLanes(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	rows, err := ledger.Steps(ctx, run.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", run.ID, err)
	}
	var all []Standstill
	for _, step := range append([]string{""}, paths(rows)...) {
		lanes, err := ledger.Lanes(ctx, run.ID, step)
		if err != nil {
			return nil, fmt.Errorf("reading the lanes of run %s: %w", run.ID, err)
		}
		counts := map[Waits]int{} // by reason, without the instant
		var order []Waits
		until := map[Waits]time.Time{}
		for _, lane := range lanes {
			if lane.Done || lane.Waits == nil {
				continue
			}
			of := Waits{Kind: lane.Waits.Kind, Text: lane.Waits.Text}
			if counts[of]++; counts[of] == 1 {
				order = append(order, of)
				until[of] = lane.Waits.Until
			}
			if lane.Waits.Until.Before(until[of]) {
				until[of] = lane.Waits.Until
			}
		}
		for _, of := range order[:min(len(order), mostStandsInLanes)] {
			text := of.Text
			if counts[of] > 1 {
				text = fmt.Sprintf("%s (%d lanes)", text, counts[of])
			}
			all = append(all, Standstill{Run: run.ID, Step: step, Kind: of.Kind, Text: text, Until: until[of]})
		}
	}
	return all, nil
}

func paths(rows []StepRow) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row.Path
	}
	return list
}

// OpenQuestions lists what a run and those that it has called ask people at the moment.
func OpenQuestions(ctx context.Context, ledger Ledger, run string) ([]Question, error) {
	open, err := Questions(ctx, ledger, run)
	if err != nil {
		return nil, err
	}
	children, err := ledger.Runs(ctx, RunFilter{Parent: run, Statuses: unfinished()})
	if err != nil {
		return nil, fmt.Errorf("reading the runs that run %s has called: %w", run, err)
	}
	for _, child := range slices.Backward(children) { // the oldest first
		theirs, err := OpenQuestions(ctx, ledger, child.ID)
		if err != nil {
			return nil, err
		}
		open = append(open, theirs...)
	}
	return open, nil
}

func standsAsking(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	questions, err := OpenQuestions(ctx, ledger, run.ID)
	all := make([]Standstill, len(questions))
	for i, q := range questions {
		all[i] = Standstill{Run: q.Run, Step: q.Step, Kind: StandsApprove, Text: q.Text, Until: q.Until}
	}
	return all, err
}

func standsBetweenWaves(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	rows, err := ledger.Steps(ctx, run.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", run.ID, err)
	}
	var all []Standstill
	for _, row := range rows {
		now, err := readCourse(row)
		if err != nil || now.Next == nil {
			continue // a row of another version says nothing of this
		}
		asks := fmt.Sprintf("%s/wave-%d", row.Path, now.Wave+1)
		if slices.ContainsFunc(rows, func(other StepRow) bool { return other.Path == asks }) {
			continue // the pause is over, a person is asked
		}
		all = append(all, Standstill{Run: run.ID, Step: row.Path, Kind: StandsPause, Until: *now.Next,
			Text: fmt.Sprintf("the pause after wave %d of %d", now.Wave, now.Waves)})
	}
	return all, nil
}

// standsInSteps looks at what the run's own steps have begun.
func standsInSteps(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	var all []Standstill
	for item, err := range ledger.Items(ctx, ItemFilter{Run: run.ID, Root: true, Step: new(string), Limit: 1}) {
		if err != nil {
			return nil, fmt.Errorf("reading the root of run %s: %w", run.ID, err)
		}
		results := map[string]*result{}
		if len(item.Progress) > 0 {
			if err := json.Unmarshal(item.Progress, &results); err != nil {
				return nil, fmt.Errorf("run %s: reading its progress: %w", run.ID, err)
			}
		}
		for path, r := range results {
			switch {
			case r == nil || r.Status != "":
			case r.Child != "":
				theirs, err := standsOfChild(ctx, ledger, r.Child)
				if err != nil {
					return nil, err
				}
				all = append(append(all, Standstill{Run: run.ID, Step: path, Kind: StandsCall, Text: "run " + r.Child}), theirs...)
			case !r.Next.IsZero():
				all = append(all, Standstill{Run: run.ID, Step: path, Kind: StandsWait, Until: r.Next, Text: "looks again whether its condition holds"})
			case !r.Since.IsZero():
				all = append(all, Standstill{Run: run.ID, Step: path, Kind: StandsWait, Until: r.Until, Text: "waits"})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Standstill) int { return strings.Compare(a.Run+"\x00"+a.Step, b.Run+"\x00"+b.Step) })
	return all, nil
}

// standsOfChild lists what a called run waits for. Its questions are told with those of the one that called it.
func standsOfChild(ctx context.Context, ledger Ledger, id string) ([]Standstill, error) {
	child, err := ledger.Run(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the called run %s: %w", id, err)
	}
	all, err := Standstills(ctx, ledger, child)
	return slices.DeleteFunc(all, func(still Standstill) bool { return still.Kind == StandsApprove }), err
}

// standsWithItems groups held items by step and reason.
func standsWithItems(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	if !run.Foreach || run.Counts[StatusHeld] == 0 {
		return nil, nil
	}
	type group struct{ step, reason string }
	var order []group
	counts, until := map[group]int{}, map[group]time.Time{}
	filter := ItemFilter{Run: run.ID, Statuses: []Status{StatusHeld}, Limit: standstillItems}
	for item, err := range ledger.Items(ctx, filter) {
		if err != nil {
			return nil, fmt.Errorf("reading the items of run %s: %w", run.ID, err)
		}
		of := group{item.Step, ReasonAlone(item.Reason)}
		if counts[of]++; counts[of] == 1 {
			order = append(order, of)
		}
		if !item.Woken() {
			until[of] = sooner(until[of], item.Until)
		}
	}
	all := make([]Standstill, len(order))
	for i, of := range order {
		all[i] = Standstill{Run: run.ID, Step: of.step, Kind: StandsItems, Until: until[of], Text: fmt.Sprintf("%d held: %s", counts[of], of.reason)}
	}
	return all, nil
}

// ReasonAlone is why an item is held or skipped, without what is different for each: instants, and names of runs.
func ReasonAlone(reason string) string {
	for _, part := range []string{" until ", " before 2", "; looks again", ", run "} {
		if i := strings.Index(reason, part); i > 0 {
			return strings.TrimRight(reason[:i], ",")
		}
	}
	return reason
}
