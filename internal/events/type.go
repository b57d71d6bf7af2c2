package events

import (
	"slices"
	"strconv"
)

// Type is the platform's own word for a kind: a number of version 1, a name of version 2; "" of KindUnknown.
func (k Kind) Type() string {
	if number := slices.Index(kindsV1(), k); number >= 0 {
		return strconv.Itoa(number)
	}
	for _, name := range []string{"fansInfoChange", "fansAttributionChange", "chat", "rpaTaskResult"} {
		if kind, _ := kindV2(name); kind == k {
			return name
		}
	}
	return ""
}
