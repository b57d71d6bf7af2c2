package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// EventBody is what the platform posts for an event: of version 1 for a type from 0 to 8, else of version 2 with an id of
// its own. Nobody is posted it: whoever asks hands it on.
func (s *Sandbox) EventBody(id, kind string, values map[string]any) ([]byte, error) {
	if values == nil {
		values = map[string]any{}
	}
	at := s.config.Clock()
	var message any = eventV2{id, kind, "sandbox", strconv.Itoa(merchant), at.UnixMilli(), values}
	if number, err := strconv.Atoi(kind); err == nil && number >= 0 && number <= callbackLast {
		message = callbackV1{number, merchant, at.Unix(), values}
	}
	body, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return body, nil
}

// Heard has a customer write to an operating account, as Reply does, and returns what an event carries of it. It is pushed
// to nobody.
func (s *Sandbox) Heard(account, friend, text string) (values map[string]any, err error) {
	reply, err := s.world.addReply(Reply{Account: account, Friend: friend, Text: text, At: s.config.Clock()})
	if err != nil {
		return nil, err
	}
	return reply.record().event(""), nil
}
