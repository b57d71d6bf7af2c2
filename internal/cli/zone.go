package cli

import (
	"fmt"
	"time"
)

// zone is the time zone in which people read times: the project's. It is named where the clock of this machine shows
// another time, so that nobody takes one for the other. The zero value is the machine's own.
type zone struct {
	location *time.Location // nil: the machine's
	foreign  bool           // this machine's clock shows, or will show, another time
}

// newZone looks at summer and winter.
func newZone(location *time.Location, now time.Time) zone {
	z := zone{location: location}
	for _, at := range []time.Time{now, now.AddDate(0, 6, 0)} {
		_, theirs := at.In(location).Zone()
		_, ours := at.Local().Zone()
		z.foreign = z.foreign || theirs != ours
	}
	return z
}

func (z zone) in(at time.Time) time.Time {
	if z.location == nil {
		return at.Local()
	}
	return at.In(z.location)
}

// moment is an instant with its day, and its offset where that has to be said.
func (z zone) moment(at time.Time) string {
	return z.plain(at) + z.offset(at, " ")
}

// plain is an instant with its day, for where the zone is told already.
func (z zone) plain(at time.Time) string { return z.in(at).Format(time.DateTime) }

// minute is plain without the seconds.
func (z zone) minute(at time.Time) string { return z.in(at).Format("2006-01-02 15:04") }

// clock is an instant of today; space stands between it and its offset.
func (z zone) clock(at time.Time, space string) string {
	return z.in(at).Format(time.TimeOnly) + z.offset(at, space)
}

// named is moment with its offset in any case, for what may come from another machine.
func (z zone) named(at time.Time) string { return z.in(at).Format("2006-01-02 15:04:05 -07:00") }

func (z zone) offset(at time.Time, space string) string {
	if !z.foreign {
		return ""
	}
	return space + z.in(at).Format("-07:00")
}

// cell is an instant in a table; nil is none.
func (z zone) cell(at *time.Time) string {
	if at == nil {
		return ""
	}
	return z.plain(*at)
}

// column is the title of a table's first column with times, which names their zone where that has to be said. Other formats
// are for programs, which know their columns by their names.
func (a *app) column(title string) string {
	if !a.zone.foreign || a.output != "table" {
		return title
	}
	return fmt.Sprintf("%s (%s)", title, a.zone.location)
}
