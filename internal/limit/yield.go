package limit

// A slot that was given cannot be taken back, so a call of low priority cannot be overtaken once it has one. It is given
// one further off instead, while calls of a higher priority come: those find the slots before it free.

// yields is how many slots a call leaves free behind the latest of a higher priority, and of its own kind: together they
// get every fifth.
const yields = 4

// lines is how many calls of a low priority may have their slots at once, each so far behind the one before. More follow
// each other closely.
const lines = 50

// precedence is who goes first in a bucket, in this process.
type precedence struct {
	priority int
	at       int64 // the latest slot of that priority
	lower    int64 // and of those that have to let it go first
}

// yield is the first instant for a call of a priority.
func (b *bucket) yield(want int64, priority int) int64 {
	reach := b.rule.pace.reach()
	if priority >= b.first.priority || b.first.at+reach < b.clock {
		return want
	}
	return max(want, max(b.first.at, b.first.lower)+reach)
}

// precede notes a slot that was given. One that is far away, such as for a window that opens tomorrow, keeps nobody waiting.
func (b *bucket) precede(at int64, priority int) {
	reach := b.rule.pace.reach()
	switch {
	case at > b.clock+shortest+lines*reach, priority >= b.first.priority && at > b.clock+shortest+reach:
	case priority > b.first.priority || b.first.at+reach < b.clock:
		b.first = precedence{priority: priority, at: at}
	case priority < b.first.priority:
		b.first.lower = max(b.first.lower, at)
	case priority == b.first.priority:
		b.first.at = max(b.first.at, at)
	}
}

// step is how far apart calls mostly are.
func (p *pace) step() int64 { return max(p.interval, p.gapMax) }

func (p *pace) reach() int64 { return (yields + 1) * min(p.step(), longest/(yields+1)) }
