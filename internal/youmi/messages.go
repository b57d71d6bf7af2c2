package youmi

import (
	"context"
	"encoding/json"
)

// The relation types of a message (api-73950154).
const (
	RelationPersonal        = 0 // 个微
	RelationOfficialAccount = 1 // 公众号
	RelationMiniProgram     = 2 // 小程序
	RelationWecom           = 3 // 企业微信
)

// The message types, spelled as api-73950154 spells them.
const (
	TypeText            = "text"
	TypeImage           = "image"
	TypeVideo           = "video"
	TypeFile            = "file"
	TypeLink            = "link"
	TypeCard            = "card"
	TypeWecomCard       = "qvcard"
	TypeMiniProgram     = "mp"
	TypeOfficialAccount = "gzh"
	TypeCollectPayment  = "rebpacket"
	TypeRefund          = "returnmoney"
	TypeForward         = "forward"
	TypeBatch           = "batch"
)

// Message is the body of doSendPublicMes (api-73950154). Which fields go with which MsgType is in openapi.yaml. TakeOverKey
// may stand in for WechatId and ToUserName.
type Message struct {
	TakeOverKey  string `json:"TakeOverKey,omitempty"`
	WechatID     string `json:"WechatId,omitempty"`
	ToUserName   string `json:"ToUserName,omitempty"`
	ShareFrom    string `json:"ShareUnionIDNode,omitempty"` // whom to forward from
	RelationType int    `json:"RelationType"`
	Content
	Flags []Flag    `json:"Flags,omitempty"`
	Batch []Content `json:"messList,omitempty"`
}

// Content is what is said: the fields of a single message, and an element of a batch, where the image's address goes
// in ImageURL.
type Content struct {
	MsgType       string `json:"MsgType"`
	Text          string `json:"Text,omitempty"`
	CompanyName   string `json:"CompanyName,omitempty"`
	URL           string `json:"Url,omitempty"`
	ImageURL      string `json:"ImageUrl,omitempty"`
	Format        string `json:"Format,omitempty"`
	Description   string `json:"Description,omitempty"`
	ThumbnailURL  string `json:"ThumbnailUrl,omitempty"`  // of a video
	ThumbMediaURL string `json:"ThumbMediaUrl,omitempty"` // of a link
	Title         string `json:"Title,omitempty"`
	MsgID         string `json:"MsgId,omitempty"` // shown on a batch's video, not explained
}

// Flag names one message to forward.
type Flag struct {
	Flag     string `json:"Flag"`
	MsgType  string `json:"MsgType"`
	MsgTime  int64  `json:"MsgTime"` // Unix seconds
	MsgIndex int64  `json:"MsgIndex"`
}

// Sent is the answer to a message.
type Sent struct {
	TaskID    string // "" when the answer had none
	RequestID string
}

// Send sends a message. After an error that Classify calls Unknown it may have been sent.
func (c *Client) Send(ctx context.Context, message *Message) (*Sent, error) {
	response, err := c.Call(ctx, OperationSend, message)
	if err != nil {
		return nil, err
	}
	return &Sent{TaskID: response.TaskID(), RequestID: response.RequestID}, nil
}

// TaskID is `values.taskId`, the answer to a message; "" when there is none.
func (r *Response) TaskID() string {
	var values struct {
		TaskID json.RawMessage `json:"taskId"`
	}
	if len(r.Values) == 0 || r.Values[0] != '{' || json.Unmarshal(r.Values, &values) != nil {
		return "" // a sent message stays sent, whatever else the answer holds
	}
	return text(values.TaskID)
}
