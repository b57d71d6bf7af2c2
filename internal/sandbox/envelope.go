package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// The result codes that the sandbox answers with (doc-3385705).
const (
	codeTokenInvalid = 10003  // 令牌失效
	codeFetched      = 10004  // 获取数据成功
	codeDone         = 20000  // 操作完成
	codeTokenMissing = 200001 // TOKEN missing
	codeNoSuchFriend = 200009 // no such friend
	codeServerError  = 200011 // server error
	codeParameters   = 200012 // wrong parameters from the caller
	codeNoSuchID     = 200018 // WeChat id does not exist
	codeFailed       = 200019 // operation failed
)

// envelope is what every answer but the token's is wrapped in. The pages list all six fields as required.
type envelope struct {
	RequestID   string  `json:"requestId"`
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

// result is what an operation came to: values, or a refusal with its code and description.
type result struct {
	values      any
	code        int // 0: done
	description string
	status      int // of HTTP; 0: 200
}

func refuse(code int, description string) result {
	return result{code: code, description: description}
}

func (s *Sandbox) wrap(c call, r result) reply {
	e := envelope{
		RequestID: s.boot + "-" + strconv.FormatUint(c.number, 10),
		Code:      or(r.code, codeDone),
		Succeed:   r.code == 0,
		Time:      c.at.In(beijing()).Format("2006-01-02T15:04:05.0000000-07:00"),
		Values:    r.values,
	}
	if r.code != 0 {
		e.Description = &r.description
	}
	return jsonReply(or(r.status, http.StatusOK), e)
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
