package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/wneessen/go-mail"
)

// mailbox delivers by SMTP.
type mailbox struct {
	host    string
	options []mail.Option
	from    string
	to      []string
}

// openMail reads smtp://USER:PASSWORD@HOST:PORT (STARTTLS) or smtps:// (TLS from the start). A name and a password never
// go over a line that is not encrypted.
func openMail(settings Settings) (Channel, error) {
	address, err := url.Parse(settings.URL)
	if err != nil || address.Hostname() == "" || address.Scheme != "smtp" && address.Scheme != "smtps" {
		return nil, errors.New("the address is not one such as smtp://user:password@mail.example.com:587")
	}
	m := &mailbox{host: address.Hostname(), from: settings.From, to: settings.To}
	if m.from == "" || len(m.to) == 0 {
		return nil, errors.New("mail needs `from` and `to`")
	}
	m.options = []mail.Option{mail.WithTimeout(sendWithin)}
	port := 587
	if address.Scheme == "smtps" {
		port = 465
		m.options = append(m.options, mail.WithSSL())
	}
	if text := address.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("the port of the mail server is no number")
		}
	}
	m.options = append(m.options, mail.WithPort(port))
	policy := mail.TLSMandatory
	if address.User == nil {
		policy = mail.TLSOpportunistic
	} else {
		password, _ := address.User.Password()
		m.options = append(m.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(address.User.Username()),
			mail.WithPassword(password))
	}
	m.options = append(m.options, mail.WithTLSPolicy(policy))
	return m, nil
}

// Send implements Channel.
func (m *mailbox) Send(ctx context.Context, message Message) error {
	letter := mail.NewMsg()
	if err := letter.From(m.from); err != nil {
		return &Refused{Reason: "`from` is no mail address"}
	}
	if err := letter.To(m.to...); err != nil {
		return &Refused{Reason: "`to` has something that is no mail address"}
	}
	letter.Subject(message.Title)
	if message.Title == "" {
		letter.Subject("youmiflow")
	}
	letter.SetBodyString(mail.TypeTextPlain, message.Text)
	client, err := mail.NewClient(m.host, m.options...)
	if err != nil {
		return fmt.Errorf("the mail server's settings: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		return fmt.Errorf("mail by %s: %w", m.host, err)
	}
	return nil
}
