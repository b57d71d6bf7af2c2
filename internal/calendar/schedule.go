package calendar

import "time"

// Schedule is when something fires: a cron expression in a time zone. It is never changed, so that goroutines may share it.
// The zero value never fires.
type Schedule struct {
	expression string
	location   *time.Location
	fields     *fields // nil with @every
	every      int64   // seconds, at least 1 with @every, which counts them from anchor
	anchor     int64
}

// String is the expression as it was written, without the space around it.
func (s *Schedule) String() string { return s.expression }

// Location is the time zone whose clock the expression is read on.
func (s *Schedule) Location() *time.Location { return s.location }

// Next is the first fire strictly after an instant, on a whole second and in the schedule's time zone. It is the zero time
// when there is none: a date that never comes (30 February), or one outside the years 1 to 9999. A fire is looked for over
// 41 years, which is as far apart as two fires can be. The fires do not depend on where one begins to ask: Next of a fire
// is the fire that follows it, also after a restart.
func (s *Schedule) Next(after time.Time) time.Time {
	if year := after.UTC().Year(); year < 1 || year > 9999 {
		return time.Time{}
	}
	found, ok := s.next(after.Unix())
	if !ok {
		return time.Time{}
	}
	fire := time.Unix(found, 0).In(s.location)
	if fire.Year() > 9999 {
		return time.Time{} // JSON has no form for it
	}
	return fire
}

func (s *Schedule) next(after int64) (int64, bool) {
	switch {
	case s.every > 0:
		passed := after - s.anchor
		return after + s.every - (passed%s.every+s.every)%s.every, true
	case s.fields == nil:
		return 0, false
	case s.fields.follow:
		return s.nextFollowing(after)
	default:
		return s.nextFixed(after)
	}
}

// nextFixed looks on the clock, from the latest that it has shown: what it shows for the second time does not count.
func (s *Schedule) nextFixed(after int64) (int64, bool) {
	w, ok := s.fields.next(latestShown(s.location, after) + 1)
	if !ok {
		return 0, false
	}
	return firstShown(s.location, w), true
}

// nextFollowing looks at each stretch between two changes on its own, so that it finds whatever the clock really shows.
func (s *Schedule) nextFollowing(after int64) (int64, bool) {
	for at := after + 1; ; {
		unchanged := stretchAt(s.location, at)
		w, ok := s.fields.next(wall(at + unchanged.offset))
		if !ok {
			return 0, false
		}
		if found := int64(w) - unchanged.offset; found < unchanged.end {
			return found, true
		}
		at = unchanged.end
	}
}
