package engine

import (
	"sync/atomic"
	"time"
)

// latency is how long applying for a conversation takes lately: that much earlier it has to be applied for.
type latency struct{ nanos atomic.Int64 }

// The bounds of how much earlier a conversation is applied for than its first message may leave.
const (
	leastLead = time.Second
	mostLead  = 15 * time.Second
)

// note counts one more, the latest the most.
func (l *latency) note(took time.Duration) {
	before := l.nanos.Load()
	l.nanos.Store(before + (int64(took)-before)/4)
}

// lead is how much earlier than its first message a conversation is applied for.
func (e *Engine) lead() time.Duration {
	return min(max(2*time.Duration(e.applying.nanos.Load()), leastLead), mostLead)
}
