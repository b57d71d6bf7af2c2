package sandbox

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads the text form of a fault: OPERATION:TERM..., where terms are separated by colons or commas. One term
// is the kind, the others are its conditions, in any order:
//
//	delay code http lose lose_before truncate garbage expire slow    the kind; code=200011, http=502, delay=50ms also give its value
//	duplicate reorder       kinds for pushed events
//	50ms                    the duration of delay or slow
//	retry_after=2 after     of http: seconds for the Retry-After header; answer so after the effect instead of before it
//	1% p=0.01               how probable; always when left out
//	first=10 every=500 count=3 account=135389    which matching requests, and how many hits at most
//	over=20/s               only requests of an account that come faster than that
//
// OPERATION is the name of an operation, * for every one, token for the token endpoint, or event for pushed events; token:expire is the same as
// *:expire, since a token expires while it is used, not while it is fetched. Examples: "doSendPublicMes:lose:1%",
// "*:delay:50ms", "doSendPublicMes:http=429,retry_after=2:first=10", "token:expire:every=500".
func ParseFault(text string) (Fault, error) {
	operation, rest, found := strings.Cut(text, ":")
	if !found {
		return Fault{}, fmt.Errorf("fault %q: write OPERATION:KIND, such as doSendPublicMes:lose:1%%; kinds are %s", text, kindNames())
	}
	fault := Fault{Operation: strings.TrimSpace(operation)}
	seen := map[string]bool{}
	for term := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == ':' || r == ',' }) {
		if err := fault.readTerm(strings.TrimSpace(term), seen); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if fault.Kind == "" {
		return Fault{}, fmt.Errorf("fault %q: it has no kind; kinds are %s", text, kindNames())
	}
	if fault.Kind == KindExpire && fault.Operation == tokenOperation {
		fault.Operation = anyOperation
	}
	if err := fault.check(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return fault, nil
}

// readTerm reads one term. seen refuses a second term for the same thing.
func (f *Fault) readTerm(term string, seen map[string]bool) error {
	name, value, valued := strings.Cut(term, "=")
	what, err := f.set(name, value, valued)
	if err != nil {
		return err
	}
	if seen[what] {
		return fmt.Errorf("%q: it already has a %s", term, what)
	}
	seen[what] = true
	return nil
}

func (f *Fault) set(name, value string, valued bool) (what string, err error) {
	switch name {
	case "delay", "slow", "code", "http", "lose", "lose_before", "truncate", "garbage", "expire", "duplicate", "reorder":
		return "kind", f.setKind(Kind(name), value, valued)
	case "after":
		f.After = true
		if valued {
			err = errors.New(`"after" takes no value`)
		}
	case "retry_after":
		f.RetryAfter, err = parseSeconds(value)
	case "account":
		f.Account = value
		if value == "" {
			err = errors.New(`"account" needs a value, as in account=135389`)
		}
	case "p":
		f.Probability, err = parseProbability(value, 1)
	case "first":
		f.First, err = parseCount(name, value)
	case "every":
		f.Every, err = parseCount(name, value)
	case "count":
		f.Count, err = parseCount(name, value)
	case "over":
		f.Over, err = parsePace(value)
	default:
		return f.setBare(name, valued)
	}
	if name == "p" {
		name = "probability"
	}
	return name, err
}

// setBare reads what needs no name: a percentage or a duration.
func (f *Fault) setBare(text string, valued bool) (what string, err error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok && !valued {
		f.Probability, err = parseProbability(percent, 100)
		return "probability", err
	}
	if duration, err := time.ParseDuration(text); err == nil && !valued {
		if f.Delay != 0 {
			return "", fmt.Errorf("%q: it already has a duration", text)
		}
		f.Delay = duration
		return "duration", nil
	}
	return "", fmt.Errorf("%q is neither a kind (%s) nor a condition (1%%, p=, first=, every=, count=, over=, account=, retry_after=, after, a duration)", text, kindNames())
}

func (f *Fault) setKind(kind Kind, value string, valued bool) (err error) {
	f.Kind = kind
	if !valued {
		return nil
	}
	switch kind {
	case KindDelay, KindSlow:
		if f.Delay != 0 {
			return fmt.Errorf("%s=%s: it already has a duration", kind, value)
		}
		f.Delay, err = time.ParseDuration(value)
	case KindCode:
		f.Code, err = parseCount("code", value)
	case KindHTTP:
		f.Status, err = parseCount("http", value)
	default:
		err = fmt.Errorf("%q takes no value", kind)
	}
	return err
}

func parseCount(name, text string) (int, error) {
	number, err := strconv.Atoi(text)
	if err != nil || number <= 0 {
		return 0, fmt.Errorf("%s=%s: write a whole number above 0", name, text)
	}
	return number, nil
}

func parseProbability(text string, whole float64) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number > 0 && number <= whole) || number/whole == 0 {
		return 0, fmt.Errorf("%q is no probability: write one above 0%% and at most 100%%, or p= above 0 and at most 1", text)
	}
	return number / whole, nil
}

// parseSeconds reads 2 or 2s.
func parseSeconds(text string) (time.Duration, error) {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 && seconds <= math.MaxInt32 {
		return time.Duration(seconds) * time.Second, nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration <= 0 {
		return 0, fmt.Errorf("retry_after=%s: write seconds above 0, such as 2", text)
	}
	return duration, nil
}

// units are how long the parts of a pace last.
func units() map[string]time.Duration {
	return map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
}

// parsePace reads 20/s, 600/min, 100/h or 400/d.
func parsePace(text string) (Pace, error) {
	count, unit, _ := strings.Cut(text, "/")
	number, err := strconv.Atoi(count)
	per, known := units()[unit]
	if err != nil || number <= 0 || !known {
		return Pace{}, fmt.Errorf("over=%s: write a pace such as 20/s, 600/min or 100/h", text)
	}
	return Pace{Count: number, Per: per}, nil
}

// String is the text form, which ParseFault reads back.
func (p Pace) String() string {
	for unit, per := range units() {
		if per == p.Per {
			return fmt.Sprintf("%d/%s", p.Count, unit)
		}
	}
	return fmt.Sprintf("%d/%s", p.Count, p.Per)
}

// String is the text form, which ParseFault reads back.
func (f Fault) String() string {
	text := f.Operation + ":" + string(f.Kind)
	switch {
	case f.Kind == KindCode:
		text += fmt.Sprintf("=%d", f.Code)
	case f.Kind == KindHTTP:
		text += fmt.Sprintf("=%d", f.Status)
	case f.Delay != 0:
		text += "=" + f.Delay.String()
	}
	if f.RetryAfter != 0 {
		text += fmt.Sprintf(",retry_after=%d", f.RetryAfter/time.Second)
	}
	if f.After {
		text += ",after"
	}
	if f.Account != "" {
		text += ":account=" + f.Account
	}
	if f.Over != (Pace{}) {
		text += ":over=" + f.Over.String()
	}
	if f.Probability != 0 {
		text += ":" + formatProbability(f.Probability)
	}
	return text + formatCount("first", f.First) + formatCount("every", f.Every) + formatCount("count", f.Count)
}

func formatCount(name string, number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf(":%s=%d", name, number)
}

// formatProbability prefers percent, where that reads back as the same number.
func formatProbability(p float64) string {
	percent := strconv.FormatFloat(p*100, 'g', -1, 64)
	if back, err := strconv.ParseFloat(percent, 64); err == nil && back <= 100 && back/100 == p {
		return percent + "%"
	}
	return "p=" + strconv.FormatFloat(p, 'g', -1, 64)
}

// MarshalText is String.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is ParseFault.
func (f *Fault) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFault(string(text))
	return err
}
