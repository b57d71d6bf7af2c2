package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"youmiflow/internal/web/result"
)

// writePlanMarkdown writes a plan for a pull request. Whoever may read that need not know the customers: ids are replaced
// by digests, what a text takes from a row by the column's name, and whatever looks like a number of a person is masked.
func writePlanMarkdown(w io.Writer, plan result.Plan, zone zone) error {
	m := &markdown{workflow: plan.Workflow, zone: zone}
	m.line("### Plan of %s", m.text(plan.Workflow))
	m.line("")
	m.line("%d of %d rows are selected. %s at the limits, on a platform that answers at once%s.", plan.Items.Selected, plan.Items.Total,
		plan.Duration, m.fromTo(plan))
	m.line("")
	m.against(plan.Against)
	m.table("skipped", "rows", plan.Items.Skipped, m.text)
	m.table("variant", "items", plan.Variants, m.text)
	m.table("operation", "calls", plan.Calls.ByOperation, m.text)
	m.table("account", "calls", plan.Calls.ByAccount, m.id)
	m.hours(plan)
	for _, warning := range plan.Warnings {
		m.line("> **Warning:** %s", m.masked(m.text(warning)))
		m.line("")
	}
	for _, sample := range plan.Samples {
		m.sample("Sample", sample)
	}
	m.line("`%s`", plan.Digest)
	_, err := io.WriteString(w, m.b.String())
	return err
}

func (m *markdown) fromTo(plan result.Plan) string {
	if plan.FirstAt == nil {
		return ""
	}
	text := fmt.Sprintf(", from %s to %s", m.zone.minute(*plan.FirstAt), m.zone.minute(*plan.LastAt))
	if m.zone.foreign {
		text += fmt.Sprintf(" (%s)", m.zone.location)
	}
	return text
}

type markdown struct {
	workflow string
	zone     zone
	b        strings.Builder
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

// id is what stands for an id: always the same within a workflow, and of no use elsewhere.
func (m *markdown) id(id string) string {
	if id == "" {
		return "(none)"
	}
	sum := sha256.Sum256([]byte(m.workflow + "\x00" + id))
	return "#" + hex.EncodeToString(sum[:4])
}

// special are the characters that mean something in Markdown.
var special = regexp.MustCompile("[\\\\`*_{}\\[\\]<>|#~]")

// text keeps text from being read as Markdown.
func (m *markdown) text(text string) string {
	return special.ReplaceAllString(strings.ReplaceAll(text, "\n", " "), `\$0`)
}

// number is what may be one of a person: of a telephone, an identity card, an account.
var number = regexp.MustCompile(`[0-9][0-9 -]{5,}[0-9]`)

// masked hides all but the ends of numbers that may be a person's.
func (m *markdown) masked(text string) string {
	return number.ReplaceAllStringFunc(text, func(found string) string {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(found)
		if len(digits) < 7 {
			return found
		}
		return digits[:2] + "…" + digits[len(digits)-2:]
	})
}

func (m *markdown) table(what, count string, counts map[string]int, name func(string) string) {
	if len(counts) == 0 {
		return
	}
	m.line("| %s | %s |", what, count)
	m.line("| --- | ---: |")
	for _, key := range sortedKeys(counts) {
		m.line("| %s | %d |", name(key), counts[key])
	}
	m.line("")
}

func (m *markdown) hours(plan result.Plan) {
	hours := hoursOf(plan)
	if len(hours) < 2 {
		return
	}
	m.line("| hour | calls |")
	m.line("| --- | ---: |")
	for i, hour := range hours {
		if i == mostHours {
			m.line("| … | and %d hours more |", len(hours)-i)
			break
		}
		m.line("| %s | %d |", m.zone.minute(hour.at), hour.calls)
	}
	m.line("")
}

func (m *markdown) against(against *result.Against) {
	if against == nil {
		return
	}
	m.line("Against %s (`%.10s`): **%d added, %d removed, %d get something else**, %d as before.", m.text(against.Ref), against.Commit,
		against.Added, against.Removed, against.Changed, against.Same)
	m.line("")
	for _, sample := range against.Samples.Added {
		m.sample("Added", sample)
	}
	for _, sample := range against.Samples.Removed {
		m.sample("Removed", sample)
	}
	for _, change := range against.Samples.Changed {
		m.sample("Before", change.Before)
		m.sample("Now", change.After)
	}
}

func (m *markdown) sample(what string, sample result.Sample) {
	variant := ""
	if sample.Variant != "" {
		variant = ", variant " + m.text(sample.Variant)
	}
	m.line("<details><summary>%s %s%s</summary>", what, m.id(sample.Key), variant)
	m.line("")
	hidden := newHidden(sample)
	for _, call := range sample.Calls {
		lines, message := messageLines(call)
		if !message {
			m.line("- `%s`", call.Operation)
		}
		for _, line := range lines {
			m.line("- %s → %s: %s", m.id(call.Account), m.id(call.Friend), m.masked(m.text(hidden.Replace(line))))
		}
	}
	m.line("")
	m.line("</details>")
	m.line("")
}

// newHidden replaces what a sample takes from its row by the names of the columns. Values of one character are left: they
// would be found everywhere.
func newHidden(sample result.Sample) *strings.Replacer {
	type pair struct{ value, column string }
	var pairs []pair
	for column, value := range sample.Row {
		text := strings.TrimSpace(fmt.Sprint(value))
		if len([]rune(text)) > 1 {
			pairs = append(pairs, pair{text, column})
		}
	}
	// The longest first, so that a part of one is not taken for another.
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(len(b.value)-len(a.value), strings.Compare(a.value, b.value), strings.Compare(a.column, b.column))
	})
	var replacements []string
	for _, pair := range pairs {
		replacements = append(replacements, pair.value, "‹"+pair.column+"›")
	}
	return strings.NewReplacer(replacements...)
}
