package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/notify"
)

// Notify is the key `notify` of a project: whom to tell of what.
type Notify struct {
	Rules []notify.Rule

	channels map[string]channelSetting
}

// channelSetting is a channel before its variables are looked up.
type channelSetting struct {
	kind        notify.Kind
	url, secret setting
	headers     map[string]setting
	from        string
	to          []string
}

var (
	notifyKeys = keySetOf(
		key{"channels", orNothing(identifiedShape(refShape("channel"))), "Where notifications can go, by name: notify.send and the rules use the names."},
		key{"rules", orNothing(listShape(refShape("notify_rule"))), "Who is told of what without a step that does so."},
		key{"language", wordShape(notify.Chinese, notify.English), "The language of the notifications. Without it, zh."},
	)
	channelKeys = keySetOf(
		key{"wecom", eitherShape(textShape, refShape("robot")), "The address of a group robot of WeCom."},
		key{"dingtalk", eitherShape(textShape, refShape("robot")), "The address of a custom robot of DingTalk, and the secret it signs with."},
		key{"feishu", eitherShape(textShape, refShape("robot")), "The address of a custom bot of Feishu, and the secret it signs with."},
		key{"slack", eitherShape(textShape, refShape("robot")), "The address of an incoming webhook of Slack."},
		key{"webhook", eitherShape(textShape, refShape("robot")), "An address of your own, which gets title, text and at as JSON."},
		key{"mail", refShape("mail"), "A mail server, and who writes to whom."},
	)
	robotKeys = keySetOf(
		key{"url", textShape, "The address, with its key in it. Keep it in the environment or in .env, and write ${NAME} here."},
		key{"secret", textShape, "Signs what is sent: to DingTalk and Feishu as they ask for it, to a webhook as X-Youmiflow-Signature."},
		key{"headers", namedShape(textShape), "Headers of a webhook."},
	).needing("url")
	mailKeys = keySetOf(
		key{"smtp", textShape, "smtp://USER:PASSWORD@HOST:587, or smtps:// for TLS from the start."},
		key{"from", textShape, "Who writes."},
		key{"to", filledShape(textShape), "Who gets it."},
	).needing("smtp", "from", "to")
	notifyRuleKeys = keySetOf(
		key{"on", filledShape(wordShape(notify.Ons()...)), "What is told."},
		key{"to", filledShape(textShape), "The channels."},
		key{"workflows", listShape(textShape), "Of these workflows alone. Without it, of all."},
		key{"language", wordShape(notify.Chinese, notify.English), "The language of this rule's notifications."},
	).needing("on", "to")
)

// readNotify reads the key `notify`.
func (p *Project) readNotify(d *decoder, node *yaml.Node) {
	all, ok := d.fields(node, "notify", notifyKeys)
	if !ok {
		return
	}
	p.Notify.channels = map[string]channelSetting{}
	if node := all.get("channels"); node != nil && !isNull(node) {
		p.readChannels(d, node)
	}
	language := notify.Chinese
	if node := all.get("language"); node != nil {
		language = d.language(node)
	}
	rules := all.get("rules")
	if rules == nil || isNull(rules) {
		return
	}
	nodes, _ := d.items(rules, "rules")
	for i, node := range nodes {
		if rule, ok := p.readNotifyRule(d, node, fmt.Sprintf("rules[%d]", i)); ok {
			if rule.Language == "" {
				rule.Language = language
			}
			p.Notify.Rules = append(p.Notify.Rules, rule)
		}
	}
}

func (d *decoder) language(node *yaml.Node) notify.Language {
	text, ok := d.str(node, "language")
	if language := notify.Language(text); ok && (language == notify.Chinese || language == notify.English) {
		return language
	} else if ok {
		d.at(node, "not-allowed", "language is zh or en, not %q", text)
	}
	return notify.Chinese
}

func (p *Project) readChannels(d *decoder, node *yaml.Node) {
	all, ok := d.object(node, "channels")
	if !ok {
		return
	}
	for _, e := range all.entries {
		name, ok := d.identifier(e.key, "the channel")
		if !ok {
			continue
		}
		kinds, ok := d.fields(e.value, "a channel", channelKeys)
		if !ok {
			continue
		}
		if len(kinds.entries) != 1 {
			d.at(e.key, "not-allowed", "the channel %q is one of %s", name, strings.Join(channelKeys.known, ", "))
			continue
		}
		// What is wrong with an address is reported at the channel's name.
		if channel, ok := p.readChannel(d, kinds.entries[0], d.text.spanOf(e.key)); ok {
			p.Notify.channels[name] = channel
		}
	}
}

func (p *Project) readChannel(d *decoder, e entry, place diagnostic.Span) (channelSetting, bool) {
	channel := channelSetting{kind: notify.Kind(e.key.Value), headers: map[string]setting{}}
	hidden := func(node *yaml.Node) setting {
		d.hide(node)
		return setting{text: node.Value, file: d.file, span: place, private: d.private}
	}
	if channel.kind != notify.Mail && e.value.Kind == yaml.ScalarNode {
		if _, ok := d.str(e.value, e.key.Value); !ok {
			return channel, false
		}
		channel.url = hidden(e.value)
		return channel, true
	}
	keys := robotKeys
	if channel.kind == notify.Mail {
		keys = mailKeys
	}
	all, ok := d.fields(e.value, e.key.Value, keys)
	if !ok || !d.complete(all, e.key.Value, keys) {
		return channel, false
	}
	for _, one := range all.entries {
		switch name := one.key.Value; name {
		case "url", "smtp":
			channel.url = hidden(one.value)
		case "secret":
			channel.secret = hidden(one.value)
		case "headers":
			headers, ok := d.object(one.value, "headers")
			if !ok {
				return channel, false
			}
			for _, header := range headers.entries {
				channel.headers[header.key.Value] = hidden(header.value)
			}
		case "from":
			channel.from, ok = d.expanded(one.value, "from", p.lookup)
		case "to":
			channel.to, ok = d.texts(one.value, "to")
		}
		if !ok {
			return channel, false
		}
	}
	return channel, true
}

// texts reads a list of texts that is not empty.
func (d *decoder) texts(node *yaml.Node, what string) ([]string, bool) {
	nodes, ok := d.items(node, what)
	if ok && len(nodes) == 0 {
		d.at(node, "empty", "%s is empty", what)
		return nil, false
	}
	list := make([]string, 0, len(nodes))
	for _, one := range nodes {
		text, good := d.str(one, what)
		list, ok = append(list, text), ok && good
	}
	return list, ok
}

func (p *Project) readNotifyRule(d *decoder, node *yaml.Node, what string) (rule notify.Rule, ok bool) {
	all, ok := d.fields(node, what, notifyRuleKeys)
	if !ok || !d.complete(all, what, notifyRuleKeys) {
		return rule, false
	}
	on, ok := d.texts(all.get("on"), "on")
	for i, text := range on {
		if !slices.Contains(notify.Ons(), notify.On(text)) {
			known := onTexts(notify.Ons())
			d.add(d.text.spanOf(all.get("on").Content[i]), "not-allowed", fmt.Sprintf("there is nothing called %q to be told of: there are %s", text,
				strings.Join(known, ", ")), diagnostic.Suggest(text, known))
			ok = false
		}
		rule.On = append(rule.On, notify.On(text))
	}
	var named bool
	if rule.To, named = d.texts(all.get("to"), "to"); !named {
		return rule, false
	}
	for i, name := range rule.To {
		if _, known := p.Notify.channels[name]; !known {
			d.add(d.text.spanOf(all.get("to").Content[i]), "not-allowed", fmt.Sprintf("there is no channel %q under notify.channels", name),
				diagnostic.Suggest(name, p.Channels()))
			ok = false
		}
	}
	if node := all.get("workflows"); node != nil && ok {
		rule.Workflows, ok = d.texts(node, "workflows")
	}
	if node := all.get("language"); node != nil {
		rule.Language = d.language(node)
	}
	return rule, ok
}

func onTexts(ons []notify.On) []string {
	list := make([]string, len(ons))
	for i, on := range ons {
		list[i] = string(on)
	}
	return list
}

// Channels lists the names of the channels, sorted.
func (p *Project) Channels() []string { return slices.Sorted(maps.Keys(p.Notify.channels)) }

// ChannelSettings looks up what a channel needs. It may hold keys and passwords. The error is a diagnostic.List that names
// each variable that is not set.
func (p *Project) ChannelSettings(name string) (notify.Settings, error) {
	c, found := p.Notify.channels[name], &problems{file: p.File}
	settings := notify.Settings{Kind: c.kind, From: c.from, To: c.to, Headers: map[string]string{}}
	settings.URL = c.url.expand(p.lookup, found)
	if c.secret.text != "" {
		settings.Secret = c.secret.expand(p.lookup, found)
	}
	for header, value := range c.headers {
		settings.Headers[header] = value.expand(p.lookup, found)
	}
	if found.bad {
		return notify.Settings{}, found.sorted().Err()
	}
	return settings, nil
}
