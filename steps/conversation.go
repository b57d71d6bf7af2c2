package steps

import (
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
)

// The channels, by the names a workflow gives them.
const (
	channelPersonal = "personal"
	channelWecom    = "wecom"
)

// conversation is one customer of one operating account, held or not.
type conversation struct {
	account, friend string
	channel         string
	key             string // the takeover's; "" when none is held or the platform gave none
}

// conversationOf reads `takeover`, or `account` and `friend`, and `channel`, which defaults to the takeover's.
func conversationOf(in inputs) (conversation, error) {
	var c conversation
	var err error
	if _, given := in.values["takeover"]; given {
		c, err = held(in)
	} else {
		c, err = named(in)
	}
	if err != nil {
		return conversation{}, err
	}
	if in.has("channel") {
		c.channel, err = channel(in)
	}
	return c, err
}

func named(in inputs) (conversation, error) {
	account, err := in.identifier("account")
	if err != nil {
		return conversation{}, err
	}
	friend, err := in.identifier("friend")
	return conversation{account: account, friend: friend, channel: channelPersonal}, err
}

// held reads a handle, as takeover.apply made it or as it came back from the ledger.
func held(in inputs) (conversation, error) {
	if in.values["takeover"] == nil {
		return conversation{}, errNoTakeover
	}
	handle, ok := in.values["takeover"].(engine.Handle)
	if !ok {
		return conversation{}, fmt.Errorf("takeover must be the output `takeover` of takeover.apply, not %s", kind(in.values["takeover"]))
	}
	fields := inputs{values: handle, where: "takeover."}
	c, err := named(fields)
	if err != nil {
		return conversation{}, err
	}
	if c.key, err = fields.text("key", maxIdentifier); err != nil {
		return conversation{}, err
	}
	if fields.has("channel") {
		c.channel, err = channel(fields)
	}
	return c, err
}

func channel(in inputs) (string, error) {
	switch value := in.values["channel"]; value {
	case channelPersonal, channelWecom:
		return value.(string), nil
	default:
		return "", fmt.Errorf("%s must be personal or wecom, not %s", in.name("channel"), kind(value))
	}
}

// relation is the channel as the API numbers it.
func (c conversation) relation() int {
	if c.channel == channelWecom {
		return youmi.RelationWecom
	}
	return youmi.RelationPersonal
}

// handle fills in the opaque output of takeover.apply.
func (c conversation) handle(h engine.Handle) engine.Handle {
	channel := any(channelPersonal) // needs no memory of its own
	if c.channel != channelPersonal {
		channel = c.channel
	}
	h["account"], h["friend"], h["channel"], h["key"] = c.account, c.friend, channel, c.key
	return h
}

// message begins the body of a message: the key stands in for account and friend where there is one.
func (c conversation) message() youmi.Message {
	m := youmi.Message{RelationType: c.relation()}
	if c.key != "" {
		m.TakeOverKey = c.key
	} else {
		m.WechatID, m.ToUserName = c.account, c.friend
	}
	return m
}
