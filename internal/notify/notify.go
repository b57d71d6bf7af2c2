// Package notify tells the people who run campaigns what they have to know: through the robots of WeCom, DingTalk and
// Feishu, through Slack, by mail, or to a webhook of their own. It knows how each of them wants a text, and when to tell
// whom (Notifier); what there is to tell, others say. It never messages customers. It imports nothing of this project.
package notify

import (
	"context"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"
)

// Kind is a kind of channel.
type Kind string

// The kinds.
const (
	WeCom    Kind = "wecom"
	DingTalk Kind = "dingtalk"
	Feishu   Kind = "feishu"
	Slack    Kind = "slack"
	Mail     Kind = "mail"
	Webhook  Kind = "webhook"
)

// Message is what a channel is to tell.
type Message struct {
	ID    string // the same however often it is delivered; "" for one that is delivered once
	Title string // one line; may be empty
	Text  string // plain text, with lines
}

// whole is the message as one text.
func (m Message) whole() string {
	if m.Title == "" {
		return m.Text
	}
	return m.Title + "\n" + m.Text
}

// Channel delivers messages. It is safe for concurrent use.
type Channel interface {
	// Send delivers one message, once. Its error never shows an address or a key; it is a *Refused when the other side has
	// answered, and will not take it later either.
	Send(ctx context.Context, message Message) error
}

// Refused says that a channel has answered no.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "refused: " + r.Reason }

// Settings describe one channel.
type Settings struct {
	Kind Kind
	// URL is the address of a robot or webhook, with its key in it. Of mail it is smtp://USER:PASSWORD@HOST:587, or smtps://.
	URL string
	// Secret signs what goes to DingTalk, Feishu and webhooks; "" signs nothing.
	Secret  string
	Headers map[string]string // of a webhook
	From    string            // of mail
	To      []string
}

// sendWithin bounds one delivery.
const sendWithin = 15 * time.Second

// Open makes a channel of its settings. It reaches nobody. now is the time that signatures carry.
func Open(settings Settings, now func() time.Time) (Channel, error) {
	if settings.Kind == Mail {
		return openMail(settings)
	}
	address, err := checkURL(settings.URL)
	if err != nil {
		return nil, err
	}
	r := &robot{address: address, secret: settings.Secret, headers: settings.Headers, now: now,
		client: &http.Client{Timeout: sendWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	switch settings.Kind {
	case WeCom:
		r.dialect = weCom{}
	case DingTalk:
		r.dialect = dingTalk{}
	case Feishu:
		r.dialect = feishu{}
	case Slack:
		r.dialect = slack{}
	case Webhook:
		r.dialect = webhook{}
	default:
		return nil, fmt.Errorf("there is no kind of channel %q", settings.Kind)
	}
	return r, nil
}

// cut shortens a text to so many bytes, at the end of a character, and says so with an ellipsis.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	end := most - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
