package youmi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Result codes that decide something. The page that lists the codes (doc-3385705) stands under version 1; version 2 has
// no list of its own.
const (
	CodeTokenExpired     = 10003
	CodeFetched          = 10004
	CodeTimestampExpired = 10006
	CodeTokenException   = 10011
	CodeDone             = 20000
	CodeTooOld           = 200005
)

// Response is the envelope of an answer, as it came.
type Response struct {
	RequestID string // "" when null or absent, as in practice it often is
	Code      int    // `errmsg`
	HasCode   bool   // false when `errmsg` was null or absent
	Succeed   bool
	Time      string          // `msgTime` in whichever shape it came; see ParseTime
	Text      string          // `errdesc`; "" when null or absent
	Values    json.RawMessage // an object, an array, a boolean, or null; nil when absent
}

type envelope struct {
	RequestID json.RawMessage `json:"requestId"`
	Code      json.RawMessage `json:"errmsg"`
	Succeed   *bool           `json:"succeed"`
	Time      json.RawMessage `json:"msgTime"`
	Text      json.RawMessage `json:"errdesc"`
	Values    json.RawMessage `json:"values"`
}

const byteOrderMark = "\xef\xbb\xbf"

// ParseEnvelope reads an answer. It takes null, absent or oddly typed fields as they come, but insists on `succeed` and
// on a code that is a whole number: without them nothing can be said about the call.
func ParseEnvelope(body []byte) (*Response, error) {
	var raw envelope
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte(byteOrderMark)), &raw); err != nil {
		return nil, fmt.Errorf("the answer is not the JSON envelope: %w", err)
	}
	if raw.Succeed == nil {
		return nil, errors.New("the answer has no `succeed`")
	}
	response := &Response{
		RequestID: text(raw.RequestID),
		Succeed:   *raw.Succeed,
		Time:      text(raw.Time),
		Text:      text(raw.Text),
		Values:    raw.Values,
	}
	if code := text(raw.Code); code != "" {
		number, err := strconv.Atoi(code)
		if err != nil {
			return nil, errors.New("the answer's `errmsg` is not a whole number")
		}
		response.Code, response.HasCode = number, true
	}
	return response, nil
}

// verdict weighs `succeed` and the code together. They must agree: `succeed` with a code that is none of the two
// success codes, or a success code without `succeed`, leaves open what was done, and so does a `succeed` without a code.
func (r *Response) verdict() Verdict {
	success := r.HasCode && (r.Code == CodeDone || r.Code == CodeFetched)
	switch {
	case r.Succeed && success:
		return Succeeded
	case r.Succeed || success:
		return Unknown
	case r.nothingDone():
		return NotSent
	}
	return Failed
}

// nothingDone reports the codes of checks that come before the work: of the token and of the request's age.
func (r *Response) nothingDone() bool {
	switch r.Code {
	case CodeTokenExpired, CodeTokenException, CodeTimestampExpired, CodeTooOld:
		return true
	}
	return false
}

func (r *Response) codeText() string {
	if !r.HasCode {
		return ""
	}
	return strconv.Itoa(r.Code)
}

// text reads a scalar: a string as it is, null or absent as "", anything else as its JSON.
func text(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	// The common case needs no decoding.
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(bytes.ToValidUTF8(inner, []byte("\uFFFD")))
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return string(raw) // cannot be: the decoder has accepted it as a string
	}
	return s
}
