package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"youmiflow/internal/youmi"
)

// checkPlatform looks at the platform by reading from it: the token, the departments, and for signed calls the
// operating accounts.
func (c *checkup) checkPlatform(ctx context.Context) {
	if !c.checkHost(ctx) || !c.checkToken(ctx) {
		return
	}
	c.checkDepartments(ctx)
	c.checkV1(ctx)
	c.checkClock()
}

func (c *checkup) checkHost(ctx context.Context) bool {
	if err := reachable(ctx, c.settings.BaseURL); err != nil {
		c.add("base_url", ill, "check base_url, the network, and whether a proxy is needed", "%v", err)
		return false
	}
	c.add("base_url", healthy, "", "%s can be reached", c.settings.BaseURL)
	return true
}

func (c *checkup) checkToken(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := c.client.Authenticate(ctx); err != nil {
		c.add("token", ill, "check client_id, client_secret and token_url of the connection", "%v", err)
		return false
	}
	renewal, _ := c.client.TokenRenewal()
	c.add("token", healthy, "", "obtained; it is renewed after %v", time.Until(renewal).Round(time.Second))
	return true
}

func (c *checkup) checkDepartments(ctx context.Context) {
	const name = "departments"
	response, err := c.read(ctx, youmi.OperationGetDepartList)
	if err != nil {
		c.add(name, ill, adviceFor(err, "ask the vendor whether the account may use the open API, and whether base_url is its host"), "%v", err)
		return
	}
	var departments []struct {
		Name string `json:"departname"`
	}
	if err := json.Unmarshal(response.Values, &departments); err != nil {
		c.add(name, uneasy, "the answer is another than the documented one: tell us", "the list came, and is no list of departments")
		return
	}
	c.add(name, healthy, "", "the list of departments came: %d", len(departments))
}

// read makes a call that changes nothing.
func (c *checkup) read(ctx context.Context, operation string) (*youmi.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return c.client.Call(ctx, operation, nil)
}

// adviceFor tells a wrong time from other reasons.
func adviceFor(err error, otherwise string) string {
	var refused *youmi.APIError
	if errors.As(err, &refused) && (refused.Code == fmt.Sprint(youmi.CodeTooOld) || refused.Code == fmt.Sprint(youmi.CodeTimestampExpired)) {
		return "set this machine's clock"
	}
	return otherwise
}

// checkV1 makes a signed call, when version 1 is configured.
func (c *checkup) checkV1(ctx context.Context) {
	const name, advice = "v1", "check v1.base_url, v1.appid and v1.appkey of the connection"
	if !c.client.HasV1() {
		c.add(name, healthy, "", "not configured: no signed calls are made")
		return
	}
	timed, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := c.client.AuthenticateV1(timed); err != nil {
		c.add(name, ill, adviceFor(err, advice), "%v", err)
		return
	}
	if _, err := c.read(ctx, youmi.OperationV1WeCaht); err != nil {
		c.add(name, ill, adviceFor(err, advice), "the token was obtained, and a signed call fails: %v", err)
		return
	}
	c.add(name, healthy, "", "a signed call was accepted")
}

// The clock: a signed call that is 10 minutes off is refused (200005), which version 2 does not say of its own.
const (
	noticeableSkew = 30 * time.Second
	refusedSkew    = 10 * time.Minute
)

func (c *checkup) checkClock() {
	skew, known := c.client.Skew()
	text := fmt.Sprintf("this machine is %v behind the platform", skew.Round(time.Millisecond))
	if skew < 0 {
		text = fmt.Sprintf("this machine is %v ahead of the platform", -skew.Round(time.Millisecond))
	}
	const advice = "set this machine's clock, and have it kept by NTP: schedules and send windows go by it"
	switch {
	case !known:
		c.add("clock", uneasy, "compare this machine's clock by hand", "the platform's answers do not tell its time")
	case skew.Abs() >= refusedSkew && c.client.HasV1():
		c.add("clock", ill, advice, "%s: signed calls older than 10 minutes are refused", text)
	case skew.Abs() >= noticeableSkew:
		c.add("clock", uneasy, advice, "%s", text)
	default:
		c.add("clock", healthy, "", "%s", text)
	}
}
