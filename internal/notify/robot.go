package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// robot posts JSON to an address that is itself the key to a group.
type robot struct {
	dialect dialect
	address *url.URL
	secret  string
	headers map[string]string
	now     func() time.Time
	client  *http.Client
}

// dialect is how one kind of robot wants a message, and how it says that it has it.
type dialect interface {
	// body is what is posted. signed holds what goes into the address or the headers besides.
	body(message Message, secret string, at time.Time) (body any, signed signature)
	// accepted reads an answer of HTTP 200; a reason means no, and again whether it may take the message later.
	accepted(answer []byte) (reason string, again bool)
}

// signature is what proves to the receiver who sends.
type signature struct {
	query   url.Values
	headers func(body []byte) map[string]string
}

// checkURL parses the address of a robot. The error does not show it.
func checkURL(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		return nil, errors.New("the address is not one that begins with https://")
	}
	return address, nil
}

// Send implements Channel.
func (r *robot) Send(ctx context.Context, message Message) error {
	body, signed := r.dialect.body(message, r.secret, r.now())
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	request, err := r.request(ctx, text, signed)
	if err != nil {
		return err
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return hidden(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return hidden(err)
	}
	return r.judge(answer.StatusCode, got)
}

func (r *robot) request(ctx context.Context, text []byte, signed signature) (*http.Request, error) {
	address := *r.address
	if len(signed.query) > 0 {
		query := address.Query()
		for name, values := range signed.query {
			query[name] = values
		}
		address.RawQuery = query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("the address cannot be used")
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range r.headers {
		request.Header.Set(name, value)
	}
	if signed.headers != nil {
		for name, value := range signed.headers(text) {
			request.Header.Set(name, value)
		}
	}
	return request, nil
}

func (r *robot) judge(status int, answer []byte) error {
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("HTTP %d", status)
	case status < 200 || status > 299:
		return &Refused{Reason: fmt.Sprintf("HTTP %d", status)}
	}
	reason, again := r.dialect.accepted(answer)
	switch {
	case reason == "":
		return nil
	case again:
		return errors.New(cut(reason, 200))
	}
	return &Refused{Reason: cut(reason, 200)}
}

// hidden takes the address, and with it the key, out of an error of the HTTP client.
func hidden(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// hmacText signs as DingTalk and Feishu do: HMAC-SHA256, in base64.
func hmacText(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// coded is an answer that has a number, 0 for yes, and words.
func coded(answer []byte, number, words string, again ...int) (string, bool) {
	var fields map[string]any
	if json.Unmarshal(answer, &fields) != nil {
		return "the answer is no JSON", true
	}
	code, ok := fields[number].(float64)
	if !ok {
		return "the answer has no " + number, true
	}
	if code == 0 {
		return "", false
	}
	for _, one := range again {
		if int(code) == one {
			return fmt.Sprintf("%s %d: %v", number, int(code), fields[words]), true
		}
	}
	return fmt.Sprintf("%s %d: %v", number, int(code), fields[words]), false
}

// weCom is a group robot of WeCom (developer.work.weixin.qq.com, 消息推送配置说明): texts of at most 2,048 bytes, 20 a
// minute; beyond that errcode 45009.
type weCom struct{}

func (weCom) body(message Message, _ string, _ time.Time) (any, signature) {
	return map[string]any{"msgtype": "text", "text": map[string]any{"content": cut(message.whole(), 2048)}}, signature{}
}

func (weCom) accepted(answer []byte) (string, bool) {
	return coded(answer, "errcode", "errmsg", 45009, -1)
}

// dingTalk is a custom robot of DingTalk (open.dingtalk.com, 自定义机器人的安全设置): signed over the time in
// milliseconds, a line break and the secret; 20 messages a minute, beyond that errcode 130101 or 660026.
type dingTalk struct{}

func (dingTalk) body(message Message, secret string, at time.Time) (any, signature) {
	body := map[string]any{"msgtype": "text", "text": map[string]any{"content": cut(message.whole(), 15_000)}}
	if secret == "" {
		return body, signature{}
	}
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	return body, signature{query: url.Values{"timestamp": {stamp}, "sign": {hmacText(secret, stamp+"\n"+secret)}}}
}

func (dingTalk) accepted(answer []byte) (string, bool) {
	return coded(answer, "errcode", "errmsg", 130101, 660026, -1)
}

// feishu is a custom bot of Feishu (open.feishu.cn, 自定义机器人使用指南): what is signed is the key of the signature, over
// nothing; the time is in seconds; bodies of at most 20 KB; beyond its rate code 11232.
type feishu struct{}

func (feishu) body(message Message, secret string, at time.Time) (any, signature) {
	body := map[string]any{"msg_type": "text", "content": map[string]any{"text": cut(message.whole(), 15_000)}}
	if secret != "" {
		stamp := strconv.FormatInt(at.Unix(), 10)
		body["timestamp"], body["sign"] = stamp, hmacText(stamp+"\n"+secret, "")
	}
	return body, signature{}
}

func (feishu) accepted(answer []byte) (string, bool) {
	return coded(answer, "code", "msg", 11232)
}

// slack is an incoming webhook of Slack (docs.slack.dev, Sending messages using incoming webhooks): it answers "ok".
type slack struct{}

func (slack) body(message Message, _ string, _ time.Time) (any, signature) {
	return map[string]any{"text": escapeSlack(cut(message.whole(), 10_000))}, signature{}
}

func (slack) accepted([]byte) (string, bool) { return "", false }

// escapeSlack keeps a text from being read as a mention or a link.
func escapeSlack(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// webhook is an address of the user's own. A secret signs the body: X-Youmiflow-Signature: sha256=HEX.
type webhook struct{}

func (webhook) body(message Message, secret string, at time.Time) (any, signature) {
	body := map[string]any{"title": message.Title, "text": message.Text, "at": at.UTC().Format(time.RFC3339)}
	if message.ID != "" {
		body["id"] = message.ID
	}
	if secret == "" {
		return body, signature{}
	}
	return body, signature{headers: func(text []byte) map[string]string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(text)
		return map[string]string{"X-Youmiflow-Signature": "sha256=" + hex.EncodeToString(mac.Sum(nil))}
	}}
}

func (webhook) accepted([]byte) (string, bool) { return "", false }
