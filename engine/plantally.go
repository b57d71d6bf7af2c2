package engine

import "time"

// tally counts the calls of a plan by account and hour.
type tally struct {
	plan     *Plan
	location *time.Location
	accounts []accountTally // by number
	first    int64
	last     int64
	calls    int
	byName   map[string]*int // of operations
}

type accountTally struct {
	name  string
	calls int
	hours map[int64]*int // by the start of the hour
	start int64          // of the hour counted last
	end   int64
	count *int
}

func newTally(plan *Plan, location *time.Location) *tally {
	return &tally{plan: plan, location: location, byName: map[string]*int{}}
}

// call counts a call of an account that leaves at an instant.
func (t *tally) call(number int, account, operation string, at int64) {
	for number >= len(t.accounts) {
		t.accounts = append(t.accounts, accountTally{hours: map[int64]*int{}})
	}
	a := &t.accounts[number]
	a.name = account
	a.calls++
	if a.count == nil || at < a.start || at >= a.end {
		a.hour(time.Unix(0, at).In(t.location))
	}
	*a.count++
	if t.calls == 0 || at < t.first {
		t.first = at
	}
	if t.calls == 0 || at > t.last {
		t.last = at
	}
	t.calls++
	count := t.byName[operation]
	if count == nil {
		count = new(int)
		t.byName[operation] = count
	}
	*count++
}

// hour finds the count of the clock hour that holds an instant.
func (a *accountTally) hour(at time.Time) {
	// Not by way of time.Date: an hour that comes twice would be taken for the first one.
	into := time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
	a.start = at.Add(-into).UnixNano()
	a.end = a.start + int64(time.Hour)
	if a.count = a.hours[a.start]; a.count == nil {
		a.count = new(int)
		a.hours[a.start] = a.count
	}
}

// finish writes what was counted into the plan of a run that begins at an instant.
func (t *tally) finish(began time.Time) {
	calls := &t.plan.Calls
	calls.Total = t.calls
	for operation, count := range t.byName {
		calls.ByOperation[operation] = *count
	}
	for _, account := range t.accounts {
		if account.calls == 0 {
			continue
		}
		calls.ByAccount[account.name] = account.calls
		hours := map[time.Time]int{}
		for start, count := range account.hours {
			hours[time.Unix(0, start).In(t.location)] = *count
		}
		calls.ByAccountHour[account.name] = hours
	}
	if t.calls == 0 {
		return
	}
	t.plan.FirstAt, t.plan.LastAt = time.Unix(0, t.first).In(t.location), time.Unix(0, t.last).In(t.location)
	t.plan.Duration = t.plan.LastAt.Sub(began)
}
