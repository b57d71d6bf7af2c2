package cli

import (
	"context"
	"maps"
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
	if len(failures) == 0 && len(c.unusable()) == 0 {
		c.add(name, healthy, "", "%s, none of which has failed", counted(len(channels), "channel"))
	}
}

// checkChannelSettings looks for channels that cannot be used, whatever has become of them before: then nobody is told of
// anything. Rehearsals tell nobody.
func (c *checkup) checkChannelSettings() {
	unusable := c.unusable()
	for _, name := range slices.Sorted(maps.Keys(unusable)) {
		c.add("notify", uneasy, "set the variable in the environment or in .env, or correct the channel in youmiflow.yaml; then: youmiflow notify test "+name,
			"nobody is told of anything, since the channel %s cannot be used: %s", name, sentences(c.app.hide.Error(unusable[name])))
	}
}

// unusable is why channels cannot be used, by their names.
func (c *checkup) unusable() map[string]error {
	problems := map[string]error{}
	if c.sandboxed {
		return problems
	}
	for _, name := range c.project.config.Channels() {
		if _, err := c.project.openChannel(name); err != nil {
			problems[name] = err
		}
	}
	return problems
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
