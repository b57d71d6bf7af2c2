package ledger

import (
	"context"
	"time"
)

// ChannelFailure is a channel that could not deliver when it was last to.
type ChannelFailure struct {
	Channel string
	At      time.Time
	Message string // why; it holds no address and no key
}

// NoteChannel keeps why a channel could not deliver, or with problem "" that it delivers.
func (l *Ledger) NoteChannel(ctx context.Context, channel string, at time.Time, problem string) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		if problem == "" {
			_, err := g.exec(`DELETE FROM channel_failure WHERE name = ?`, channel)
			return err
		}
		_, err := g.exec(`INSERT INTO channel_failure (name, at, message) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET at = excluded.at, message = excluded.message`, channel, micros(at), problem)
		return err
	}}).Wait(ctx)
}

// ChannelFailures returns the channels that could not deliver when they were last to, by name.
func (l *Ledger) ChannelFailures(ctx context.Context) ([]ChannelFailure, error) {
	return collect(ctx, l.read, func(row scanner) (f ChannelFailure, err error) {
		var at int64
		err = row.Scan(&f.Channel, &at, &f.Message)
		f.At = fromMicros(at)
		return f, err
	}, `SELECT name, at, message FROM channel_failure ORDER BY name`)
}
