package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// The result codes that the sandbox answers with (doc-3385705).
const (
	codeTokenInvalid     = 10003  // 令牌失效
	codeFetched          = 10004  // 获取数据成功
	codeSignatureWrong   = 10005  // data-integrity check failed
	codeTimestampExpired = 10006  // signature timestamp expired
	codeDone             = 20000  // 操作完成
	codeTokenMissing     = 200001 // TOKEN missing
	codeNonceMissing     = 200002 // Nonce missing
	codeTimestampMissing = 200003 // Timestamp missing
	codeSignatureMissing = 200004 // Signature missing
	codeTooOld           = 200005 // request is older than 10 minutes
	codeAppIDMissing     = 200007 // APPID missing
	codeNoFriendGiven    = 200008 // friend's original WeChat id not given
	codeNoSuchFriend     = 200009 // no such friend
	codeNoSuchStaff      = 200010 // staff number does not exist
	codeServerError      = 200011 // server error
	codeParameters       = 200012 // wrong parameters from the caller
	codeNoAccountGiven   = 200015 // operating account's WeChat id not given
	codeNothingToAdd     = 200016 // WeChat id or phone number to add must not be empty
	codeNoSuchID         = 200018 // WeChat id does not exist
	codeFailed           = 200019 // operation failed
)

// envelope is what every answer but the token's is wrapped in. The pages list all six fields as required.
type envelope struct {
	RequestID   *string `json:"requestId"`
	Code        int     `json:"errmsg"`
	Succeed     bool    `json:"succeed"`
	Time        string  `json:"msgTime"`
	Values      any     `json:"values"`
	Description *string `json:"errdesc"`
}

// reply is one HTTP answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// envelopeV1 is that of version 1: without a request id, and errdesc only where an example shows it.
type envelopeV1 struct {
	Time        string  `json:"msgTime"`
	Code        int     `json:"errmsg"`
	Succeed     bool    `json:"succeed"`
	Values      any     `json:"values"`
	Description *string `json:"errdesc,omitempty"`
}

// result is what an operation came to: values, or a refusal with its code and description.
type result struct {
	values      any
	code        int // of a refusal; 0: done
	success     int // another code of success; 0: codeDone
	description string
	status      int  // of HTTP; 0: 200
	anonymous   bool // requestId is null
	empty       bool // errdesc is "" where it would be null or absent
}

func refuse(code int, description string) result {
	return result{code: code, description: description}
}

func (s *Sandbox) wrap(c call, r result) reply {
	var description *string
	if r.code != 0 || r.empty {
		description = &r.description
	}
	code, status := or(r.code, or(r.success, codeDone)), or(r.status, http.StatusOK)
	if c.operation != nil && c.operation.version == 1 {
		return jsonReply(status, envelopeV1{Time: c.operation.stamp(c.at), Code: code, Succeed: r.code == 0, Values: r.values, Description: description})
	}
	e := envelope{Code: code, Succeed: r.code == 0, Time: longTime(c.at), Values: r.values, Description: description}
	if !r.anonymous {
		id := s.boot + "-" + strconv.FormatUint(c.number, 10)
		e.RequestID = &id
	}
	return jsonReply(status, e)
}

// longTime is the commonest of the shapes of msgTime.
func longTime(at time.Time) string {
	return at.In(beijing()).Format("2006-01-02T15:04:05.0000000-07:00")
}

// stamp is msgTime in the shape that the operation's page shows (version 1 has three).
func (o *operation) stamp(at time.Time) string {
	const short = "2006/1/2 15:04:05"
	switch o.name {
	case "v1friend":
		return at.In(beijing()).Format(short)
	case "v1Add_Friend":
		return "{" + at.In(beijing()).Format(short) + "}"
	}
	return longTime(at)
}

// beijing is the zone of the times in the vendor's examples.
func beijing() *time.Location { return time.FixedZone("+08:00", 8*60*60) }

func jsonReply(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil { // nothing that comes here can fail to be encoded
		status, body = http.StatusInternalServerError, []byte(`{"error":"the sandbox could not encode its answer"}`)
	}
	return reply{status: status, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: body}
}
