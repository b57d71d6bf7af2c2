package workflows

import (
	"time"

	"gopkg.in/yaml.v3"
)

// Retention is the key `retention` of a project: how long a daemon keeps what has been.
type Retention struct {
	Runs   time.Duration // after a run's end; 0: for ever
	Events time.Duration // after an event was received; 0: as long as the receiver keeps them by itself
}

// ShortestRetention is how long everything is kept at the least: what is younger may still be asked for.
const ShortestRetention = 24 * time.Hour

var retentionKeys = keySetOf(
	key{"runs", durationShape, "How long runs are kept after their end, with their items and calls, such as 90d; at least a day. Without it, for ever."},
	key{"events", durationShape, "How long pushed events are kept, such as 30d; at least a day. Without it, 30d."},
)

// readRetention reads the key `retention`.
func (p *Project) readRetention(d *decoder, node *yaml.Node) {
	all, ok := d.fields(node, "retention", retentionKeys)
	if !ok {
		return
	}
	for name, into := range map[string]*time.Duration{"runs": &p.Retention.Runs, "events": &p.Retention.Events} {
		node := all.get(name)
		if node == nil {
			continue
		}
		kept, ok := d.duration(node, "retention."+name)
		if ok && kept < ShortestRetention {
			d.at(node, "not-allowed", "retention.%s: %s is too short, since what is younger than a day may still be needed: write 1d or more", name, node.Value)
		}
		*into = kept
	}
}
