package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"youmiflow/internal/web/result"
)

func writePlan(w io.Writer, plan result.Plan, zone zone) error {
	var b strings.Builder
	fmt.Fprintf(&b, "plan       %s\nworkflow   %s\n", plan.Digest, plan.Workflow)
	if zone.foreign {
		fmt.Fprintf(&b, "timezone   %s\n", zone.location)
	}
	fmt.Fprintf(&b, "items      %d, %d selected\n", plan.Items.Total, plan.Items.Selected)
	for _, reason := range sortedKeys(plan.Items.Skipped) {
		fmt.Fprintf(&b, "           %d skipped: %s\n", plan.Items.Skipped[reason], reason)
	}
	if plan.Items.Held > 0 {
		fmt.Fprintf(&b, "           %d held\n", plan.Items.Held)
	}
	for _, variant := range sortedKeys(plan.Variants) {
		fmt.Fprintf(&b, "           %d of variant %s\n", plan.Variants[variant], variant)
	}
	writeCounts(&b, "calls", plan.Calls.ByOperation)
	writeCounts(&b, "accounts", plan.Calls.ByAccount)
	writeHours(&b, plan, zone)
	writeWaves(&b, plan.Waves, zone)
	fmt.Fprintf(&b, "\nduration   %s at the limits, on a platform that answers at once\n", plan.Duration)
	if plan.FirstAt != nil {
		fmt.Fprintf(&b, "first      %s\nlast       %s\n", zone.plain(*plan.FirstAt), zone.plain(*plan.LastAt))
	}
	for _, sample := range plan.Samples {
		writeItem(&b, "sample", sample)
	}
	writeAgainst(&b, plan.Against)
	for _, warning := range plan.Warnings {
		fmt.Fprintf(&b, "\nwarning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeCounts(b *strings.Builder, what string, counts map[string]int) {
	fmt.Fprintf(b, "\n%s\n", what)
	for _, name := range sortedKeys(counts) {
		fmt.Fprintf(b, "  %8d  %s\n", counts[name], orNone(name))
	}
}

func orNone(account string) string {
	if account == "" {
		return "(none)"
	}
	return account
}

func writeItem(b *strings.Builder, what string, sample result.Sample) {
	fmt.Fprintf(b, "\n%s %s", what, sample.Key)
	if sample.Variant != "" {
		fmt.Fprintf(b, " (variant %s)", sample.Variant)
	}
	b.WriteByte('\n')
	for _, call := range sample.Calls {
		writeSample(b, call)
	}
}

// mostHours is how many hours a plan shows with a bar. JSON has all of them, by account.
const mostHours = 48

// hour is what leaves in one clock hour.
type hour struct {
	at    time.Time
	calls int
}

// hoursOf sums up the calls of all accounts, in the order of time.
func hoursOf(plan result.Plan) []hour {
	sums := map[string]int{}
	for _, hours := range plan.Calls.ByAccountHour {
		for at, calls := range hours {
			sums[at] += calls
		}
	}
	var list []hour
	for text, calls := range sums {
		if at, err := time.Parse(time.RFC3339, text); err == nil { // it was written by ourselves
			list = append(list, hour{at, calls})
		}
	}
	slices.SortFunc(list, func(a, b hour) int { return a.at.Compare(b.at) })
	return list
}

// writeHours shows how many calls leave in each hour, where there is more than one.
func writeHours(b *strings.Builder, plan result.Plan, zone zone) {
	hours := hoursOf(plan)
	if len(hours) < 2 {
		return
	}
	most := slices.MaxFunc(hours, func(a, b hour) int { return a.calls - b.calls }).calls
	b.WriteString("\nhours\n")
	for i, hour := range hours {
		if i == mostHours {
			fmt.Fprintf(b, "            and %d more, until %s\n", len(hours)-i, zone.minute(hours[len(hours)-1].at))
			return
		}
		fmt.Fprintf(b, "  %8d  %s  %s\n", hour.calls, zone.minute(hour.at), hourBar(hour.calls, most))
	}
}

// hourBar is as long as a number is large, and 30 characters for the largest.
func hourBar(n, most int) string { return strings.Repeat("▇", max(1, n*30/most)) }

// mostWaves is how many waves a plan shows.
const mostWaves = 20

func writeWaves(b *strings.Builder, waves []result.PlannedWave, zone zone) {
	if len(waves) == 0 {
		return
	}
	b.WriteString("\nwaves\n")
	for i, wave := range waves {
		if i == mostWaves {
			fmt.Fprintf(b, "            and %d more\n", len(waves)-i)
			return
		}
		fmt.Fprintf(b, "  %8d  %s  %s to %s\n", wave.Items, wave.Step, zone.plain(wave.BeginsAt), zone.plain(wave.EndsAt))
	}
}

func writeAgainst(b *strings.Builder, against *result.Against) {
	if against == nil {
		return
	}
	fmt.Fprintf(b, "\nagainst    %s (%.10s)\n           %d added, %d removed, %d get something else, %d as before\n", against.Ref, against.Commit,
		against.Added, against.Removed, against.Changed, against.Same)
	for _, sample := range against.Samples.Added {
		writeItem(b, "added", sample)
	}
	for _, sample := range against.Samples.Removed {
		writeItem(b, "removed", sample)
	}
	for _, change := range against.Samples.Changed {
		writeItem(b, "before", change.Before)
		writeItem(b, "now", change.After)
	}
}
