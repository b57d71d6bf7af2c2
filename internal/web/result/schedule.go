package result

import "time"

// Schedule is a trigger, as `schedule list` prints it.
type Schedule struct {
	Workflow    string     `json:"workflow"`
	Trigger     string     `json:"trigger"`
	State       string     `json:"state"` // active, paused, broken or gone
	Next        *time.Time `json:"next"`
	LastAt      *time.Time `json:"last_at"`      // the last instant that came to anything
	LastOutcome string     `json:"last_outcome"` // fired, skipped, missed or ""
	LastReason  string     `json:"last_reason"`
	LastRun     string     `json:"last_run"` // of the last instant that was fired
	Fired       int        `json:"fired"`
	Skipped     int        `json:"skipped"`
	Missed      int        `json:"missed"`
	Waiting     int        `json:"waiting"` // events that wait for a run of the trigger to end
}

// Upcoming is an instant to come, as `schedule next` prints it.
type Upcoming struct {
	Workflow string    `json:"workflow"`
	Trigger  string    `json:"trigger"`
	At       time.Time `json:"at"`
}
