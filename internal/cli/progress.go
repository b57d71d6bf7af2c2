package cli

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"youmiflow/engine"
)

// progress shows a person how a run goes.
type progress interface {
	update(engine.Run)
	end(engine.Run)
}

// newProgress shows a bar on a terminal, and lines elsewhere.
func (a *app) newProgress() progress {
	switch {
	case a.quiet:
		return silence{}
	case isTerminal(a.Stderr):
		return &bar{app: a, began: time.Now()}
	}
	return &lines{app: a, last: time.Now(), every: 2 * time.Second}
}

type silence struct{}

func (silence) update(engine.Run) {}
func (silence) end(engine.Run)    {}

// lines prints a line now and then, less often the longer a run takes.
type lines struct {
	app   *app
	last  time.Time
	every time.Duration
	done  int
	wrote int
}

func (l *lines) update(run engine.Run) {
	if time.Since(l.last) < l.every {
		return
	}
	counts := viewRun(run).Counts
	done := counts.Total - counts.Pending - counts.Held
	if counts.Total == 0 {
		return
	}
	rate := float64(done-l.done) / time.Since(l.last).Seconds()
	left := ""
	if rate > 0 {
		seconds := float64(counts.Total-done) / rate
		left = ", about " + (time.Duration(seconds) * time.Second).String() + " left"
	}
	l.app.say("%s  %d of %d (%d%%), %d failed, %d unknown, %.1f/s%s", time.Now().Format(time.TimeOnly), done, counts.Total,
		done*100/counts.Total, counts.Failed, counts.Unknown, rate, left)
	l.done, l.last = done, time.Now()
	if l.wrote++; l.wrote%10 == 0 && l.every < time.Minute {
		l.every *= 2
	}
}

func (l *lines) end(engine.Run) {}

// bar draws one bar over the items that end.
type bar struct {
	app      *app
	began    time.Time
	progress *mpb.Progress
	bar      *mpb.Bar
	failed   int
	unknown  int
}

func (b *bar) update(run engine.Run) {
	counts := viewRun(run).Counts
	if counts.Total == 0 {
		return
	}
	b.failed, b.unknown = counts.Failed, counts.Unknown
	if b.bar == nil {
		b.progress = mpb.New(mpb.WithOutput(b.app.Stderr), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
		b.bar = b.progress.AddBar(int64(counts.Total),
			mpb.PrependDecorators(decor.CountersNoUnit("%d of %d ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string {
				return fmt.Sprintf("  %d failed, %d unknown", b.failed, b.unknown)
			}), decor.Any(b.left)))
	}
	b.bar.SetTotal(int64(counts.Total), false)
	b.bar.SetCurrent(int64(counts.Total - counts.Pending - counts.Held))
}

// left says how long it will take at the pace so far.
func (b *bar) left(stats decor.Statistics) string {
	took := time.Since(b.began)
	if stats.Current == 0 || stats.Current >= stats.Total || took < 2*time.Second {
		return ""
	}
	left := time.Duration(float64(took) * float64(stats.Total-stats.Current) / float64(stats.Current))
	return "  about " + left.Round(time.Second).String() + " left"
}

func (b *bar) end(run engine.Run) {
	if b.bar == nil {
		return
	}
	b.update(run)
	b.bar.Abort(false)
	b.progress.Wait()
}
