package engine

import (
	"fmt"
	"time"
)

// Waits is why nobody works on a lane now, as its row keeps it.
type Waits struct {
	Kind  StandstillKind `json:"kind"`
	Text  string         `json:"text"`           // for people, without the instant
	Until time.Time      `json:"until,omitzero"` // zero: until somebody or something lets it go on
}

func waitsForWindow(opens time.Time) *Waits {
	return &Waits{StandsWindow, "the send window is closed", opens}
}

func waitsForAccount(account Account) *Waits {
	return &Waits{StandsAccount, reasonTripped(account.Account) + ": " + account.Reason, account.Until}
}

// waitsForTurn is a wait for whoever holds the conversation.
func (s *scope) waitsForTurn(other holder) *Waits {
	text := "another run speaks with the same customer"
	switch {
	case other.run != s.item.Run:
	case s.active.run.Test != nil:
		text = "the item before it speaks with the test recipient"
	default:
		text = "another item of the run speaks with the same customer"
	}
	return &Waits{StandsTurn, text, time.Time{}}
}

// waitsForSlot is a wait for the limits, with the rule that asks for it. A slot that was taken before knows of none.
func waitsForSlot(slot Slot, account string) *Waits {
	of := ""
	if slot.Limit != "" {
		of = fmt.Sprintf(" (limit %s)", slot.Limit)
	}
	switch slot.Rule {
	case RuleRest:
		return &Waits{StandsRest, fmt.Sprintf("account %s rests%s", account, of), slot.At}
	case RuleHourly:
		return &Waits{StandsQuota, fmt.Sprintf("the hour of account %s is used up%s", account, of), slot.At}
	case RuleDaily:
		return &Waits{StandsQuota, fmt.Sprintf("the day of account %s is used up%s", account, of), slot.At}
	case RuleWarmUp:
		return &Waits{StandsQuota, fmt.Sprintf("account %s is being warmed up, and its day is used up%s", account, of), slot.At}
	}
	return &Waits{StandsLimit, fmt.Sprintf("the limits of account %s", account), slot.At}
}

// putOff is why a call waits for an instant: for its slot in the limits of an account, or, of a step that repeats it, to be
// tried again.
type putOff struct {
	slot    Slot
	account string
	repeats string
}

// waits says so for people, which is only wanted when the lane is given back.
func (s *scope) waits(why putOff, at time.Time) *Waits {
	if why.repeats == "" {
		waits := waitsForSlot(why.slot, why.account)
		waits.Until = at
		return waits
	}
	text := "a call is tried again"
	if r := s.result(why.repeats); r != nil && r.Error != nil {
		text += ": " + r.Error.text()
	}
	return &Waits{StandsRetry, text, at}
}
