package youmi

import (
	"context"
	"encoding/json"
	"strings"
)

// TakeoverApplication is the body of applyTakeOver (api-73950177).
type TakeoverApplication struct {
	WechatKey string `json:"wechat_key,omitempty"`   // 运营机标识
	FriendKey string `json:"friend_key,omitempty"`   // 粉丝标识
	ApplyKey  string `json:"apply_key,omitempty"`    // 申请人标识
	Name      string `json:"apply_name,omitempty"`   // the applicant's nickname
	Reason    string `json:"apply_reason,omitempty"` //
	Source    string `json:"apply_source,omitempty"` // the one value given is QKB
}

// TakeoverEnd is the body of endTakeOver. It is assumed: see x-guess in openapi.yaml.
type TakeoverEnd struct {
	TakeOverKey string `json:"TakeOverKey,omitempty"`
	WechatID    string `json:"WechatId,omitempty"`
	ToUserName  string `json:"ToUserName,omitempty"`
}

// ApplyTakeover applies for a conversation, and returns its key; "" when the platform answers without one.
func (c *Client) ApplyTakeover(ctx context.Context, application *TakeoverApplication) (string, error) {
	response, err := c.Call(ctx, OperationApplyTakeover, application)
	if err != nil {
		return "", err
	}
	return response.TakeoverKey(), nil
}

// EndTakeover gives a conversation back.
func (c *Client) EndTakeover(ctx context.Context, end *TakeoverEnd) error {
	_, err := c.Call(ctx, OperationEndTakeover, end)
	return err
}

// TakeoverKey finds the key in the answer to applyTakeOver, whose shape no page shows: `values` itself when it is a string
// that can be a key, else the field of `values`, or of an object or array in it, whose name is that of the request field
// TakeOverKey or close to it. "" when there is none: a bare number or boolean rather says that the application went well.
func (r *Response) TakeoverKey() string {
	if len(r.Values) > 0 && !strings.ContainsRune(`"{[`, rune(r.Values[0])) {
		return ""
	}
	return takeoverKey(r.Values, 3)
}

func takeoverKey(values json.RawMessage, depth int) string {
	if len(values) == 0 || depth == 0 {
		return ""
	}
	switch values[0] {
	case '"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return scalarKey(values)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(values, &list) == nil && len(list) == 1 {
			return takeoverKey(list[0], depth-1)
		}
	case '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(values, &object) == nil {
			return keyOf(object, depth)
		}
	}
	return ""
}

// keyOf looks under the names a key may have, likeliest first, then in the objects that may hold them.
func keyOf(object map[string]json.RawMessage, depth int) string {
	folded := make(map[string]json.RawMessage, len(object))
	for name, value := range object {
		folded[strings.ReplaceAll(strings.ToLower(name), "_", "")] = value
	}
	for _, name := range []string{"takeoverkey", "takekey", "takeoverid", "takeover", "key"} {
		if value, ok := folded[name]; ok {
			if key := takeoverKey(value, depth-1); key != "" {
				return key
			}
		}
	}
	for _, name := range []string{"data", "result", "value", "values"} {
		if value := folded[name]; len(value) > 0 && (value[0] == '{' || value[0] == '[') {
			if key := takeoverKey(value, depth-1); key != "" {
				return key
			}
		}
	}
	return ""
}

// scalarKey takes what can be a key: printable ASCII without a space, unlike a sentence for people. 0 says that there is
// none.
func scalarKey(value json.RawMessage) string {
	const longest = 512
	key := strings.TrimSpace(text(value))
	unlikely := strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if unlikely || key == "0" || len(key) > longest {
		return ""
	}
	return key
}
