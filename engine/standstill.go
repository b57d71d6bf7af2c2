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
)

// standstillItems bounds how many held items are looked at to tell why they are.
const standstillItems = 1000

// Standstills lists what a run waits for: questions first, those of the runs that it has called too.
func Standstills(ctx context.Context, ledger Ledger, run Run) ([]Standstill, error) {
	if run.Status.Over() {
		return nil, nil
	}
	var all []Standstill
	for _, find := range []func(context.Context, Ledger, Run) ([]Standstill, error){
		standsAsking, standsBetweenWaves, standsInSteps, standsWithItems,
	} {
		found, err := find(ctx, ledger, run)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
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
				all = append(all, Standstill{Run: run.ID, Step: path, Kind: StandsCall, Text: "run " + r.Child})
			case !r.Next.IsZero():
				all = append(all, Standstill{Run: run.ID, Step: path, Kind: StandsWait, Until: r.Next, Text: "looks again whether its condition holds"})
			case !r.Since.IsZero():
				all = append(all, Standstill{Run: run.ID, Step: path, Kind: StandsWait, Until: r.Until, Text: "waits"})
			}
		}
	}
	slices.SortFunc(all, func(a, b Standstill) int { return strings.Compare(a.Step, b.Step) })
	return all, nil
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
		of := group{item.Step, reasonAlone(item)}
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

// reasonAlone is why an item is held without what is different for each.
func reasonAlone(item Item) string {
	for _, part := range []string{" until ", "; looks again", ", run "} {
		if i := strings.Index(item.Reason, part); i > 0 {
			return strings.TrimRight(item.Reason[:i], ",")
		}
	}
	return item.Reason
}
