package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"youmiflow/internal/ledger"
)

// checkChannels looks for channels of notifications that could not deliver when they were last to.
func (c *checkup) checkChannels(ctx context.Context, l *ledger.Ledger) {
	const name = "notify"
	channels := c.project.config.Channels()
	if len(channels) == 0 {
		return
	}
	failures, err := l.ChannelFailures(ctx)
	if err != nil {
		c.add(name, ill, "restore the database from a backup, if it is damaged", "%v", err)
		return
	}
	failures = slices.DeleteFunc(failures, func(f ledger.ChannelFailure) bool { return !slices.Contains(channels, f.Channel) })
	for _, failure := range failures {
		c.add(name, uneasy, "correct it under notify.channels in youmiflow.yaml (this stands here until the daemon next delivers by it), then: youmiflow notify test "+failure.Channel,
			"the channel %s has delivered nothing since a failure at %s: %s", failure.Channel, c.app.zone.plain(failure.At), failure.Message)
	}
	if len(failures) == 0 {
		c.add(name, healthy, "", "%s, none of which has failed", counted(len(channels), "channel"))
	}
}

// mostOfAFailure is how many bytes are kept of why a channel has failed.
const mostOfAFailure = 500

// channelHealth keeps for the doctor whether a channel delivers.
func (s *session) channelHealth(channel string, problem error) {
	ctx, cancel := context.WithTimeout(context.Background(), notingWithin)
	defer cancel()
	text := ""
	if problem != nil {
		text = s.app.hide.Text(problem.Error())
		if len(text) > mostOfAFailure {
			text = strings.ToValidUTF8(text[:mostOfAFailure], "") + "…"
		}
	}
	if err := s.ledger.NoteChannel(ctx, channel, time.Now(), text); err != nil {
		s.app.logger().Warn("whether a channel delivers could not be kept", "channel", channel, "error", err)
	}
}
