package sandbox

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Callback is an address that events are pushed to. How registerCallbackUrl and subscribeEvent relate is on no page:
// here the first gets the numbered callbacks of version 1, the second the named events of version 2.
type Callback struct {
	Subscription bool      `json:"subscription"` // by subscribeEvent
	URL          string    `json:"url"`
	Type         int       `json:"type,omitempty"`   // 100 企客宝, 200 金桥
	AppID        string    `json:"app_id,omitempty"` // of a subscription
	Types        []string  `json:"types,omitempty"`  // of a subscription; empty: all
	At           time.Time `json:"at"`
	// Ignored says why nothing is pushed there; "" when something is.
	Ignored string `json:"ignored,omitempty"`
}

// maxCallbacks bounds who is pushed to.
const maxCallbacks = 100

// replaces tells whether an earlier registration ends with this one: of the same address by the same call.
func (c Callback) replaces(old Callback) bool {
	return c.Subscription == old.Subscription && c.URL == old.URL && c.AppID == old.AppID
}

// wants tells whether a subscription asks for an event.
func (c Callback) wants(name string) bool { return len(c.Types) == 0 || slices.Contains(c.Types, name) }

func (s *Sandbox) registerCallbackURL(c call) result {
	return s.register(Callback{URL: c.text("url"), Type: int(c.whole(0, "type")), At: c.at})
}

func (s *Sandbox) subscribeEvent(c call) result {
	callback := Callback{Subscription: true, URL: c.text("url"), AppID: c.word("appId"), At: c.at}
	types, _ := c.fields["messageTypes"].([]any)
	for _, name := range types {
		callback.Types = append(callback.Types, scalar(name))
	}
	return s.register(callback)
}

// register keeps an address. One that is not on this machine is accepted, as the platform would, but never pushed to.
func (s *Sandbox) register(callback Callback) result {
	if callback.URL == "" {
		return refuse(codeParameters, "url must be given")
	}
	parsed, err := url.Parse(callback.URL)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return refuse(codeParameters, "url is not an http or https address")
	}
	if !loopback(parsed) {
		callback.Ignored = "the sandbox pushes to this machine only: to http on localhost, 127.0.0.1 or [::1]"
	}
	err = s.world.note(func(st *state) (further, error) {
		if len(st.callbacks) >= maxCallbacks && !slices.ContainsFunc(st.callbacks, callback.replaces) {
			return further{}, &refusal{codeFailed, fmt.Sprintf("%d addresses are registered already: POST /_sandbox/reset forgets them", maxCallbacks)}
		}
		return further{Callback: &callback}, nil
	})
	if err != nil {
		return failure(err)
	}
	return result{values: true}
}

func loopback(address *url.URL) bool {
	if address.Scheme != "http" {
		return false
	}
	if address.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(address.Hostname())
	return err == nil && ip.IsLoopback()
}

// Callbacks are the addresses that were registered, oldest first.
func (s *Sandbox) Callbacks() []Callback {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return slices.Clone(s.world.state.callbacks)
}

func (s *Sandbox) listened() bool {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return len(s.world.state.callbacks) > 0
}
