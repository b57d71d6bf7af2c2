package cli

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
)

// progress shows a person how a run goes.
type progress interface {
	// update shows how the run stands, and what it is waiting for (whyWaiting; "": nothing).
	update(run result.Run, waiting string)
	end(result.Run)
}

// forPerson begins what is said of a run that nobody can tell the end of.
const forPerson = "waiting for a person: "

// mostAsked is how many questions a line of progress names.
const mostAsked = 3

// whyWaiting says what a run is waiting for: people who are asked, else why, as the engine has it; "" when for nothing.
func whyWaiting(asked []engine.Question, why string) string {
	if len(asked) == 0 {
		if why == "" {
			return ""
		}
		return "waiting: " + why
	}
	names := make([]string, min(len(asked), mostAsked))
	for i := range names {
		names[i] = asked[i].Step
	}
	text := forPerson + strings.Join(names, ", ")
	if more := len(asked) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// newProgress shows a bar on a terminal, and lines elsewhere.
func (a *app) newProgress() progress {
	switch {
	case a.quiet:
		return silence{}
	case isTerminal(a.Stderr):
		return &bar{app: a}
	}
	return &lines{app: a, last: time.Now(), every: 2 * time.Second}
}

// pace tells how fast items end by being worked on. What was skipped when the list was read, or had ended before this
// process came, took no time and says nothing about the rest.
type pace struct {
	known bool
	from  int
	since time.Time
}

func worked(counts result.Counts) int {
	return counts.Succeeded + counts.Failed + counts.Unknown + counts.Cancelled
}

// ofSelected counts the items that are worked on at all: what was skipped when the list was read is no progress.
func ofSelected(counts result.Counts) (done, total int) {
	return worked(counts), worked(counts) + counts.Pending + counts.Held
}

// begin has the pace be measured from here.
func (p *pace) begin(counts result.Counts, now time.Time) {
	p.known, p.from, p.since = true, worked(counts), now
}

// measure returns the items per second since begin, and how long the rest takes at that; 0 when that cannot be told.
func (p *pace) measure(counts result.Counts, now time.Time) (rate float64, left time.Duration) {
	took := now.Sub(p.since).Seconds()
	if !p.known || took <= 0 {
		return 0, 0
	}
	if rate = float64(worked(counts)-p.from) / took; rate > 0 {
		left = time.Duration(float64(counts.Pending+counts.Held) / rate * float64(time.Second)).Round(time.Second)
	}
	return rate, left
}

// markTest marks what is shown of a test send.
func markTest(run result.Run) string {
	if run.Test != nil {
		return "TEST "
	}
	return ""
}

type silence struct{}

func (silence) update(result.Run, string) {}
func (silence) end(result.Run)            {}

// lines prints a line now and then, less often the longer a run takes.
type lines struct {
	app   *app
	last  time.Time
	every time.Duration
	pace  pace
	wrote int
}

func (l *lines) update(run result.Run, waiting string) {
	counts, now := run.Counts, time.Now()
	if counts.Total > 0 && !l.pace.known {
		l.pace.begin(counts, now)
	}
	if counts.Total == 0 && waiting == "" || now.Sub(l.last) < l.every {
		return
	}
	clock := markTest(run) + l.app.zone.clock(now, " ")
	l.last = now
	if l.wrote++; l.wrote%10 == 0 && l.every < time.Minute {
		l.every *= 2
	}
	if counts.Total == 0 { // its list is not read yet
		l.app.say("%s  %s", clock, waiting)
		return
	}
	done, total := ofSelected(counts)
	rate, left := l.pace.measure(counts, now)
	remaining := ""
	if left > 0 && !strings.HasPrefix(waiting, forPerson) {
		remaining = ", about " + left.String() + " left"
	}
	if waiting != "" {
		remaining += "; " + waiting
	}
	l.app.say("%s  %d of %d (%d%%), %d failed, %d unknown, %.1f/s%s", clock, done, total,
		done*100/max(1, total), counts.Failed, counts.Unknown, rate, remaining)
	l.pace.begin(counts, now)
}

func (l *lines) end(result.Run) {}

// bar draws one bar over the items that end.
type bar struct {
	app      *app
	pace     pace
	progress *mpb.Progress
	bar      *mpb.Bar
	counts   atomic.Pointer[result.Counts] // the bar reads it when it draws
	waiting  atomic.Pointer[string]
}

func (b *bar) update(run result.Run, waiting string) {
	counts := run.Counts
	if counts.Total == 0 {
		return
	}
	b.counts.Store(&counts)
	b.waiting.Store(&waiting)
	if b.bar == nil {
		b.pace.begin(counts, time.Now())
		b.progress = mpb.New(mpb.WithOutput(b.app.Stderr), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
		b.bar = b.progress.AddBar(int64(counts.Total),
			mpb.PrependDecorators(decor.Name(markTest(run)), decor.CountersNoUnit("%d of %d ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string {
				counts := b.counts.Load()
				return fmt.Sprintf("  %d failed, %d unknown", counts.Failed, counts.Unknown)
			}), decor.Any(b.left)))
	}
	done, total := ofSelected(counts)
	b.bar.SetTotal(int64(total), false)
	b.bar.SetCurrent(int64(done))
}

// left says how long it will take at the pace so far.
func (b *bar) left(decor.Statistics) string {
	if waiting := *b.waiting.Load(); waiting != "" && b.app.zone.foreign {
		return "  " + b.app.zone.clock(time.Now(), " ") + "  " + waiting // the instants in it are of that clock
	} else if waiting != "" {
		return "  " + waiting
	}
	_, left := b.pace.measure(*b.counts.Load(), time.Now())
	if left == 0 || time.Since(b.pace.since) < 2*time.Second {
		return ""
	}
	return "  about " + left.String() + " left"
}

func (b *bar) end(run result.Run) {
	if b.bar == nil {
		return
	}
	b.update(run, "")
	b.bar.Abort(false)
	b.progress.Wait()
}
