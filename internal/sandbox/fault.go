package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Kind is a way to fail.
type Kind string

// The kinds. "Before" means that the request has no effect, "after" that it has.
const (
	KindDelay      Kind = "delay"       // waits Delay, then goes on
	KindCode       Kind = "code"        // before: answers the envelope with Code and succeed false
	KindHTTP       Kind = "http"        // answers HTTP Status, with Retry-After when RetryAfter is set; before, or after with After
	KindLose       Kind = "lose"        // after: cuts the connection without an answer
	KindLoseBefore Kind = "lose_before" // before: cuts the connection without an answer
	KindTruncate   Kind = "truncate"    // after: cuts the connection in the middle of the body
	KindGarbage    Kind = "garbage"     // after: answers something that is not JSON
	KindExpire     Kind = "expire"      // revokes all tokens, the one of this request included, then goes on
	KindSlow       Kind = "slow"        // after: sends the body in pieces over Delay
	KindDuplicate  Kind = "duplicate"   // of event: pushes the event twice
	KindReorder    Kind = "reorder"     // of event: pushes the event behind the next one
)

func kinds() []Kind {
	return []Kind{KindDelay, KindCode, KindHTTP, KindLose, KindLoseBefore, KindTruncate, KindGarbage, KindExpire, KindSlow, KindDuplicate, KindReorder}
}

// What a fault's Operation can be besides the name of an operation.
const (
	anyOperation   = "*"     // every operation of the API; not the token endpoint, and no event
	tokenOperation = "token" // the token endpoint
	eventOperation = "event" // the events that are pushed to a registered address
)

// maxFaultDelay bounds delays: longer than any client waits, short enough not to look like a hang for ever.
const maxFaultDelay = time.Hour

// Fault makes requests fail. It hits a request when the operation and the account match and every condition that is
// set agrees; conditions count the requests that match. Of several faults that hit one request, all delays and expiries
// take effect, and of the others the first.
type Fault struct {
	Operation string // such as "doSendPublicMes", "*" or "token"
	Account   string // operating account; "": any
	Kind      Kind

	Delay      time.Duration // of delay and slow, at most an hour
	Code       int           // of code
	Status     int           // of http, from 400 to 599
	RetryAfter time.Duration // of http, whole seconds; 0: no header
	After      bool          // of http: after the effect instead of before it

	// Probability is above 0 and at most 1; 0 means always. Whether it hits depends on the seed, the place of the fault in the list, the request's
	// content and how often that content was seen: not on the time or the order in which requests arrive.
	Probability float64
	First       int // only the first so many matching requests; 0: all
	Every       int // only every so manieth matching request; 0: all
	Count       int // hits at most so often; 0: no bound
	// Over spares the requests of an account that come no faster than that, two at once at the most, and hits the others:
	// with http=429 it is a platform that limits. The zero Pace spares none.
	Over Pace
}

// Pace is Count requests per Per.
type Pace struct {
	Count int
	Per   time.Duration
}

func (f Fault) check() error {
	if f.Operation == "" {
		return errors.New("it has no operation: write the name of one, * for all, or token")
	}
	if strings.ContainsAny(f.Operation+f.Account, ":,= \t\n") {
		return errors.New("operation and account cannot hold colons, commas, equal signs or blanks")
	}
	if f.Probability < 0 || f.Probability > 1 || f.Probability != f.Probability {
		return fmt.Errorf("probability %v is not above 0 and at most 1 (0%% and 100%%)", f.Probability)
	}
	if f.First < 0 || f.Every < 0 || f.Count < 0 {
		return errors.New("first, every and count cannot be negative")
	}
	if f.Over != (Pace{}) && (f.Over.Count < 1 || f.Over.Per <= 0 || f.Over.Per > 24*time.Hour) {
		return errors.New("over needs a pace such as 20/s, 600/min or 100/h")
	}
	if f.Operation == tokenOperation && (f.Kind == KindCode || f.Account != "") {
		return errors.New("the token endpoint knows no accounts and no result codes")
	}
	ofEvents := f.Kind == KindDuplicate || f.Kind == KindReorder
	switch {
	case f.Operation == eventOperation && !ofEvents && f.Kind != KindDelay && f.Kind != KindLoseBefore:
		return errors.New("an event can have delay, lose_before, duplicate and reorder")
	case f.Operation != eventOperation && ofEvents:
		return fmt.Errorf("%s is for events, as in event:%s:10%%", f.Kind, f.Kind)
	}
	return f.checkKind()
}

func (f Fault) checkKind() error {
	if !slices.Contains(kinds(), f.Kind) {
		return fmt.Errorf("there is no kind %q; there are %s", f.Kind, kindNames())
	}
	timed := f.Kind == KindDelay || f.Kind == KindSlow
	switch {
	case timed && (f.Delay <= 0 || f.Delay > maxFaultDelay):
		return fmt.Errorf("%s needs a duration above 0 and at most %v, as in %s:50ms", f.Kind, maxFaultDelay, f.Kind)
	case !timed && f.Delay != 0:
		return fmt.Errorf("%s takes no duration", f.Kind)
	case f.Kind == KindCode && (f.Code <= 0 || f.Code == codeDone || f.Code == codeFetched):
		return errors.New("code needs a result code that is not a success, as in code=200011")
	case f.Kind != KindCode && f.Code != 0:
		return fmt.Errorf("%s takes no result code", f.Kind)
	case f.Kind == KindHTTP && (f.Status < 400 || f.Status > 599):
		return errors.New("http needs a status from 400 to 599, as in http=502")
	case f.Kind != KindHTTP && (f.Status != 0 || f.RetryAfter != 0 || f.After):
		return fmt.Errorf("%s takes no status, retry_after or after: those are for http", f.Kind)
	case f.RetryAfter < 0 || f.RetryAfter%time.Second != 0:
		return errors.New("retry_after must be whole seconds")
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, kind := range kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// FaultCount is a fault and how often it was asked and hit.
type FaultCount struct {
	Fault    Fault `json:"fault"`
	Matching int   `json:"matching"` // requests of its operation and account
	Hits     int   `json:"hits"`
}

// faultSet is the faults in force, and what they have counted.
type faultSet struct {
	seed   uint64
	clock  func() time.Time
	chance bool // some fault has a probability, so attempts are counted

	mu       sync.Mutex
	rules    []FaultCount
	attempts map[digest]uint32
	paces    map[paced]*rate.Limiter
}

// paced is a rule and an account, whose pace is measured.
type paced struct {
	rule    int
	account string
}

// maxPaces bounds the paces that are measured at a time; beyond it all are measured anew.
const maxPaces = 100_000

// digest stands for a content. 128 bits: no two contents of a run share one by accident.
type digest [16]byte

// maxAttempts bounds the contents whose attempts are counted. Beyond it a content's attempt is drawn from the number of
// requests: still no endless failure of one content, but no longer the same decisions in every run.
const maxAttempts = 1 << 21

func newFaultSet(seed uint64, faults []Fault, clock func() time.Time) *faultSet {
	s := &faultSet{seed: seed, clock: clock, attempts: map[digest]uint32{}, paces: map[paced]*rate.Limiter{}}
	for _, fault := range faults {
		s.rules = append(s.rules, FaultCount{Fault: fault})
		s.chance = s.chance || fault.Probability > 0
	}
	return s
}

// verdict is what the faults make of one request.
type verdict struct {
	delay     time.Duration
	expire    bool
	duplicate bool
	reorder   bool
	fault     Fault // its Kind is "" when the request is spared
}

func (s *faultSet) judge(operation, account string, content []byte) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	var v verdict
	var key digest
	var attempt uint32
	if s.chance {
		key = contentDigest(operation, content)
		attempt = s.attempt(key)
	}
	for index := range s.rules {
		rule := &s.rules[index]
		if rule.matches(operation, account) && rule.due(v) && s.over(paced{index, account}, rule.Fault.Over) && s.draw(index, rule.Fault.Probability, key, attempt) {
			rule.Hits++
			v.add(rule.Fault)
		}
	}
	return v
}

// over tells whether a request comes faster than the pace that is spared.
func (s *faultSet) over(key paced, spared Pace) bool {
	if spared == (Pace{}) {
		return true
	}
	limiter := s.paces[key]
	if limiter == nil {
		if len(s.paces) >= maxPaces {
			clear(s.paces)
		}
		limiter = rate.NewLimiter(rate.Limit(float64(spared.Count)/spared.Per.Seconds()), 2)
		s.paces[key] = limiter
	}
	return !limiter.AllowN(s.clock(), 1)
}

func (s *faultSet) attempt(key digest) uint32 {
	if _, known := s.attempts[key]; !known && len(s.attempts) >= maxAttempts {
		return uint32(s.rules[0].Matching)
	}
	s.attempts[key]++
	return s.attempts[key]
}

func (c *FaultCount) matches(operation, account string) bool {
	f := c.Fault
	if f.Operation != operation && (f.Operation != anyOperation || operation == tokenOperation || operation == eventOperation) {
		return false
	}
	if f.Account != "" && f.Account != account {
		return false
	}
	c.Matching++
	return true
}

// due tells whether the counting conditions agree, and whether there is anything left to spoil.
func (c *FaultCount) due(v verdict) bool {
	f := c.Fault
	switch {
	case f.First > 0 && c.Matching > f.First, f.Every > 0 && c.Matching%f.Every != 0, f.Count > 0 && c.Hits >= f.Count:
		return false
	default:
		return f.Kind == KindDelay || f.Kind == KindExpire || f.Kind == KindDuplicate || f.Kind == KindReorder || v.fault.Kind == ""
	}
}

func (s *faultSet) draw(index int, probability float64, key digest, attempt uint32) bool {
	if probability == 0 {
		return true
	}
	text := make([]byte, 0, 64)
	text = binary.LittleEndian.AppendUint64(text, s.seed)
	text = binary.LittleEndian.AppendUint32(text, uint32(index))
	text = binary.LittleEndian.AppendUint32(text, attempt)
	text = append(text, key[:]...)
	sum := sha256.Sum256(text)
	return float64(binary.LittleEndian.Uint64(sum[:])>>11)/(1<<53) < probability
}

func (v *verdict) add(f Fault) {
	switch f.Kind {
	case KindDelay:
		v.delay += f.Delay
	case KindExpire:
		v.expire = true
	case KindDuplicate:
		v.duplicate = true
	case KindReorder:
		v.reorder = true
	default:
		v.fault = f
	}
}

// before is the answer in place of any effect; "" kinds and those that come after the effect have none.
func (v verdict) before() bool {
	switch v.fault.Kind {
	case KindCode, KindLoseBefore:
		return true
	case KindHTTP:
		return !v.fault.After
	default:
		return false
	}
}

func (s *faultSet) list() []Fault {
	var faults []Fault
	for _, count := range s.counts() {
		faults = append(faults, count.Fault)
	}
	return faults
}

func (s *faultSet) counts() []FaultCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]FaultCount{}, s.rules...)
}

func contentDigest(parts ...any) digest {
	hash := sha256.New()
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			hash.Write([]byte(part))
		case []byte:
			hash.Write(part)
		}
		hash.Write([]byte{0})
	}
	return digest(hash.Sum(nil)[:len(digest{})])
}

func httpFault(f Fault) reply {
	header := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	if f.RetryAfter > 0 {
		header.Set("Retry-After", fmt.Sprint(int(f.RetryAfter/time.Second)))
	}
	body := fmt.Sprintf("<html><head><title>%d %s</title></head><body>sandbox fault %s</body></html>\n", f.Status, http.StatusText(f.Status), f)
	return reply{status: f.Status, header: header, body: []byte(body)}
}
