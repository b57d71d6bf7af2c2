package youmi

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// clock compares the platform's clock with this machine's, from the answers of one version. Signed calls carry a time, and
// one that is 10 minutes off is refused (200005, 10006).
type clock struct {
	local  func() time.Time
	skew   atomic.Int64 // nanoseconds that the platform is ahead, by the last answer
	seen   atomic.Bool
	offset atomic.Int64 // what signed calls add to this machine's time
}

func newClock(local func() time.Time) *clock { return &clock{local: local} }

// leastCorrection is the least difference for which a refused call is made again with another time. An answer tells the time to
// the second only.
const leastCorrection = 2 * time.Second

// measure takes the platform's time from an answer: msgTime where it says its offset, else the header Date, else
// msgTime as of +08:00. The platform is taken to have answered halfway between sending and receiving.
func (c *clock) measure(header http.Header, msgTime string, sent, received time.Time) {
	at, ok := platformTime(header.Get("Date"), msgTime)
	if !ok {
		return
	}
	c.skew.Store(int64(at.Sub(sent.Add(received.Sub(sent) / 2))))
	c.seen.Store(true)
}

func platformTime(date, msgTime string) (time.Time, bool) {
	at, err := ParseTime(msgTime)
	if err == nil && strings.Contains(msgTime, "T") && strings.ContainsAny(msgTime[len(msgTime)-6:], "+-Z") {
		return at, true
	}
	if sent, failed := http.ParseTime(date); failed == nil {
		return sent.Add(time.Second / 2), true // cut to the second
	}
	return at, err == nil
}

// now is the time for a signed call, and the offset in it.
func (c *clock) now() (now time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return c.local().Add(offset), offset
}

// correct has later calls go by the platform's clock, after one with the given offset was refused for its time. False
// says that this would change nothing.
func (c *clock) correct(used time.Duration) bool {
	skew := time.Duration(c.skew.Load())
	if !c.seen.Load() || (skew-used).Abs() < leastCorrection {
		return false
	}
	c.offset.Store(int64(skew))
	return true
}

// Skew is how far the platform's clock is ahead of this machine's, by its last answer; negative when it is behind. Version
// 1, where it matters, goes first. False before any answer has told the time.
func (c *Client) Skew() (ahead time.Duration, known bool) {
	for _, via := range []*authority{c.v1, c.v2} {
		if via != nil && via.clock.seen.Load() {
			return time.Duration(via.clock.skew.Load()), true
		}
	}
	return 0, false
}
