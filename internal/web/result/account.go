package result

import "time"

// Account is an operating account as `accounts` prints it.
type Account struct {
	Connection string         `json:"connection"`
	Account    string         `json:"account"`
	State      string         `json:"state"` // ready or held
	Since      *time.Time     `json:"since"`
	Until      *time.Time     `json:"until"`
	Reason     string         `json:"reason"`
	Today      int            `json:"today"`
	LastAt     *time.Time     `json:"last_at"`
	NextAt     *time.Time     `json:"next_at"`
	Limits     []AccountLimit `json:"limits"`
}

// AccountLimit is what an account has used of a limit.
type AccountLimit struct {
	Limit     string     `json:"limit"`
	Hour      *Use       `json:"hour"`
	Day       *Use       `json:"day"`
	Rest      *Use       `json:"rest"`
	WarmUpDay int        `json:"warm_up_day"`
	HeldUntil *time.Time `json:"held_until"`
	NextAt    time.Time  `json:"next_at"`
}

// Use is how much of something is used.
type Use struct {
	Used int `json:"used"`
	Most int `json:"most"`
}
