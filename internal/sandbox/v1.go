package sandbox

import (
	"crypto/hmac"
	"crypto/sha1" // the vendor's choice (doc-3385715)
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// V1AppKey is the key that signatures of version 1 are checked with, unless Config.V1AppKey is another.
const V1AppKey = "sandbox"

// Of version 1: how long a token is good, by the numbers of the example of doc-3385721, and how old a request may be
// (code 200005).
const (
	v1TokenLifetime = 7 * 24 * time.Hour
	v1RequestAge    = 10 * time.Minute
)

// signature is HMAC-SHA1 over who (appid or access_token), nonce and timestamp, as Base64, URL-encoded with lower-case
// hex (doc-3385715).
func signature(key, who, nonce, timestamp string) string {
	mac := hmac.New(sha1.New, []byte(key))
	_, _ = mac.Write([]byte(who + nonce + timestamp)) // never fails
	return strings.NewReplacer("+", "%2b", "/", "%2f", "=", "%3d").Replace(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// signed is what a request of version 1 is signed with.
type signed struct {
	who, nonce, timestamp, signature string
}

// checkSigned refuses what is missing, too old or wrong, in that order. The order is chosen.
func (s *Sandbox) checkSigned(given signed, missingWho result, at time.Time) (refusal result, ok bool) {
	switch {
	case given.who == "":
		return missingWho, false
	case given.nonce == "":
		return refuse(codeNonceMissing, "Nonce is missing"), false
	case given.timestamp == "":
		return refuse(codeTimestampMissing, "Timestamp is missing"), false
	case given.signature == "":
		return refuse(codeSignatureMissing, "Signature is missing"), false
	}
	seconds, err := strconv.ParseInt(given.timestamp, 10, 64)
	if err != nil {
		return refuse(codeParameters, "Timestamp is not a number of Unix seconds"), false
	}
	switch age := at.Sub(time.Unix(seconds, 0)); {
	case age > v1RequestAge:
		return refuse(codeTooOld, fmt.Sprintf("the request is %v old: at most %v is allowed", age.Round(time.Second), v1RequestAge)), false
	case age < -v1RequestAge:
		return refuse(codeTimestampExpired, fmt.Sprintf("the Timestamp is %v ahead of the sandbox's clock", (-age).Round(time.Second))), false
	}
	want := signature(s.config.V1AppKey, given.who, given.nonce, given.timestamp)
	if !hmac.Equal([]byte(want), []byte(given.signature)) {
		return refuse(codeSignatureWrong, "the signature is wrong: check the appkey, the order of the parts, and that the Base64 is URL-encoded with lower-case hex"), false
	}
	return result{}, true
}

// v1GetAccessToken takes the signature in the body, and answers with an absolute expires_in.
func (s *Sandbox) v1GetAccessToken(c call) reply {
	given := signed{c.word("AppId"), c.word("Nonce"), c.word("Timestamp"), c.word("Signature")}
	if refusal, ok := s.checkSigned(given, refuse(codeAppIDMissing, "AppId is missing"), c.at); !ok {
		return s.wrap(c, refusal)
	}
	if problem := s.checkRequest(c); problem != "" {
		return s.wrap(c, refuse(codeParameters, problem))
	}
	return s.wrap(c, result{success: codeFetched, values: map[string]any{
		"access_token": s.v1Tokens.issue(), "expires_in": c.at.Add(v1TokenLifetime).Unix(),
	}})
}

// v1Authorised runs an operation of version 1 for those whose headers are signed.
func (s *Sandbox) v1Authorised(run func(call) result) func(call) reply {
	return func(c call) reply {
		given := signed{c.header.Get("access_token"), c.header.Get("Nonce"), c.header.Get("Timestamp"), c.header.Get("Signature")}
		if refusal, ok := s.checkSigned(given, refuse(codeTokenMissing, "the header access_token is missing"), c.at); !ok {
			return s.wrap(c, refusal)
		}
		if refusal, ok := s.v1Tokens.check("Bearer " + given.who); !ok {
			return s.wrap(c, refusal)
		}
		if problem := s.checkRequest(c); problem != "" {
			return s.wrap(c, refuse(codeParameters, problem))
		}
		return s.wrap(c, run(c))
	}
}

func (s *Sandbox) v1Accounts(c call) result {
	channel := int(c.whole(0, "ad_wechat_lei"))
	rows := []map[string]any{}
	for _, a := range s.people.accounts {
		if a.channel == channel {
			rows = append(rows, map[string]any{
				"ad_wechat_id": a.id, "ad_wechat_nober": a.alias, "ad_wechat_nick": a.nick, "ad_wechat_qrcode": fmt.Sprintf("http://qr.example/%d", a.id),
				"ad_wechat_addtime": written(time.Unix(a.added, 0)), "ad_original_nober": a.original, "ad_wechat_usercode": nil,
			})
		}
	}
	return result{values: rows}
}

// v1Friends honours the filters of doc-3385677. Its example shows one object although several rows are promised: with
// V1BareObject a single row comes so.
func (s *Sandbox) v1Friends(c call) result {
	p, err := c.page()
	if err != nil {
		return failure(err)
	}
	found := s.selectFans(s.fanFilterV1(c))
	from, to := p.bounds(found.count())
	rows := make([]map[string]any, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, s.showFan(s.people.fan(found.index(i))))
	}
	if s.config.V1BareObject && len(rows) == 1 {
		return result{values: rows[0]}
	}
	return result{values: rows}
}

func (s *Sandbox) fanFilterV1(c call) fanFilter {
	f := fanFilter{
		account: s.accountNumber(c, "Wechat_id"), key: c.word("Wechat_No"), staff: c.word("ad_staff_code"),
		added: c.window("StartTime", "EndTime"), bound: c.window("ad_bind_Stime", "ad_bind_Etime"),
		chatted: c.window("ad_updatechatting_Stime", "ad_updatechatting_Etime"), updated: c.whole(0, "ad_relation_expand3"),
		byChat: c.word("order_by_key") == "ad_updatechatting_time", descending: c.word("order_by_model") == "desc",
	}
	f.sorted = f.byChat || f.descending
	if state := int(c.whole(0, "ad_relation_state")); state >= 0 {
		f.state = state + 1 // only those one can chat with, unless asked otherwise
	}
	if c.word("ad_wechat_lei") != "" || c.fields["ad_wechat_lei"] != nil {
		f.channel = int(c.whole(0, "ad_wechat_lei")) + 1
	}
	switch c.whole(-1, "ad_relation_isflock") {
	case 1, 3:
		f.groups = true
	case 0:
		f.channel = 1 // a friend of personal WeChat
	case 2:
		f.channel = 4 // an individual of WeCom
	}
	return f
}

// v1AddFriend keeps the caller's id, which must be unique, and adds nobody: the other side would have to agree.
func (s *Sandbox) v1AddFriend(c call) result {
	if strings.TrimSpace(c.text("Wechat_Moble")) == "" {
		return refuse(codeNothingToAdd, "Wechat_Moble must not be empty")
	}
	if err := s.checkStaff(c.word("sffcode")); err != nil {
		return failure(err)
	}
	if err := s.world.ask(c.text("PcKid")); err != nil {
		return failure(err)
	}
	return result{values: true, empty: true}
}
