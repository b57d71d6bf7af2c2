package youmi

import "time"

// TokenRenewal tells when the token of version 2 that the client has will be renewed, shortly before its end. False
// when it has none.
func (c *Client) TokenRenewal() (time.Time, bool) {
	current := c.v2.tokens.current.Load()
	if current == nil {
		return time.Time{}, false
	}
	return current.renew, true
}
