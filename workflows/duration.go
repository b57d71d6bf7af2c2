package workflows

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxDuration bounds every duration: ten years.
const maxDuration = 10 * 366 * 24 * time.Hour

var (
	durationPart = regexp.MustCompile(`^(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)`)
	rateText     = regexp.MustCompile(`^(\d+)\s*/\s*(s|m|min|h|d)$`)
)

// ParseDuration reads a positive duration of at most ten years: Go's form with days besides, such as 90s, 1h30m or 7d.
func ParseDuration(s string) (time.Duration, error) {
	rest, total := strings.TrimSpace(s), 0.0
	if rest == "" {
		return 0, errors.New("a duration is missing: write one such as 30s, 5m, 2h or 7d")
	}
	for rest != "" {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf("%q is not a duration: write one such as 30s, 5m, 2h or 7d", s)
		}
		n, _ := strconv.ParseFloat(part[1], 64) // the pattern lets only numbers through; a huge one is infinite, and refused below
		unit := 24 * time.Hour
		if part[2] != "d" {
			unit, _ = time.ParseDuration("1" + part[2])
		}
		total += n * float64(unit)
		rest = rest[len(part[0]):]
	}
	if total > float64(maxDuration) {
		return 0, fmt.Errorf("the duration %q is longer than ten years", s)
	}
	if total < 1 {
		return 0, fmt.Errorf("the duration %q must be more than nothing", s)
	}
	return time.Duration(total), nil
}

// durationText writes a duration as people do: 1h30m, and not 1h30m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// ParseRate reads a rate such as 20/min, 5/s, 200/h or 1000/d.
func ParseRate(s string) (Rate, error) {
	found := rateText.FindStringSubmatch(strings.TrimSpace(s))
	if found == nil {
		return Rate{}, fmt.Errorf("%q is not a rate: write one such as 20/min, 5/s, 200/h or 1000/d", s)
	}
	count, err := strconv.Atoi(found[1])
	if err != nil || count < 1 || count > 1_000_000 {
		return Rate{}, fmt.Errorf("the rate %q must count from 1 to 1000000", s)
	}
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return Rate{Count: count, Per: per[found[2]]}, nil
}
