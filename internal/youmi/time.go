package youmi

import (
	"fmt"
	"strings"
	"time"
)

// ParseTime reads `msgTime` in the shapes seen: RFC 3339 with up to nine fractional digits, with or without an offset, and
// `2018/5/11 14:32:40` with or without braces. A time without an offset is taken to be at +08:00, the only one seen.
func ParseTime(s string) (time.Time, error) {
	trimmed := strings.TrimSpace(s)
	if strings.HasPrefix(trimmed, "{") && strings.HasSuffix(trimmed, "}") {
		trimmed = strings.TrimSpace(trimmed[1 : len(trimmed)-1])
	}
	if at, err := time.Parse(time.RFC3339Nano, trimmed); err == nil {
		return at, nil
	}
	china := time.FixedZone("", 8*60*60)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006/1/2 15:04:05", "2006-01-02 15:04:05"} {
		if at, err := time.ParseInLocation(layout, trimmed, china); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time in a known form", clip(s))
}
