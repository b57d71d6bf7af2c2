package sandbox

import (
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"youmiflow/internal/youmi"
)

// operation is one operation of openapi.yaml that the sandbox imitates.
type operation struct {
	name   string
	path   string
	method string
	schema *openapi3.Schema // of the JSON body; nil: not checked
	answer func(call) reply
}

// describeOperations takes paths, methods and schemas from openapi.yaml.
func (s *Sandbox) describeOperations() (map[string]*operation, error) {
	spec, err := youmi.Spec()
	if err != nil {
		return nil, err
	}
	imitated := map[string]func(call) result{
		youmi.OperationSend:          s.doSendPublicMes,
		youmi.OperationApplyTakeover: s.applyTakeOver,
		youmi.OperationEndTakeover:   s.endTakeOver,
	}
	operations := map[string]*operation{}
	for path, item := range spec.Paths.Map() {
		for method, described := range item.Operations() {
			o := &operation{name: described.OperationID, path: path, method: method}
			if run, ok := imitated[o.name]; ok {
				o.schema = jsonSchema(described)
				o.answer = s.authorised(run)
				delete(imitated, described.OperationID)
			} else if o.name == youmi.OperationGetToken {
				o.name = tokenOperation
				o.answer = s.getToken
			} else {
				continue
			}
			operations[path] = o
		}
	}
	for name := range imitated {
		return nil, fmt.Errorf("openapi.yaml has no operation %s", name)
	}
	return operations, nil
}

func jsonSchema(described *openapi3.Operation) *openapi3.Schema {
	if described.RequestBody == nil || described.RequestBody.Value == nil {
		return nil
	}
	media := described.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	return media.Schema.Value
}

func (s *Sandbox) paths() string {
	var paths []string
	for path := range s.operations {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return strings.Join(paths, ", ")
}

// authorised runs an operation for those with a good token and a body that openapi.yaml allows.
func (s *Sandbox) authorised(run func(call) result) func(call) reply {
	return func(c call) reply {
		if refusal, ok := s.tokens.check(c.authorization); !ok {
			refusal.status = s.config.UnauthorizedStatus
			return s.wrap(c, refusal)
		}
		if problem := s.checkBody(c); problem != "" {
			return s.wrap(c, refuse(codeParameters, problem))
		}
		return s.wrap(c, run(c))
	}
}

// checkBody tells what is wrong with the body; "" when nothing is.
func (s *Sandbox) checkBody(c call) string {
	if c.problem != "" {
		return c.problem
	}
	if s.config.SkipChecks {
		return ""
	}
	if c.contentType != "application/json" { // the usual case needs no parsing
		if media, _, err := mime.ParseMediaType(c.contentType); err != nil || media != "application/json" {
			return fmt.Sprintf("Content-Type is %q: it must be application/json", c.contentType)
		}
	}
	return checkFields(c.operation.schema, c.fields)
}

// text is a field of the body; "" when it is absent, null or no string.
func (c call) text(name string) string {
	text, _ := c.fields[name].(string)
	return text
}

// account is the operating account that a request is about, as far as it tells.
func (s *Sandbox) account(c call) string {
	if account := firstOf(c.text("WechatId"), c.text("wechat_key")); account != "" {
		return account
	}
	if key := c.text("TakeOverKey"); key != "" {
		takeover, _ := s.world.find(key)
		return takeover.Account
	}
	return ""
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func (s *Sandbox) doSendPublicMes(c call) result {
	d := Delivery{
		Account: c.text("WechatId"), Friend: c.text("ToUserName"), Takeover: c.text("TakeOverKey"),
		Type: c.text("MsgType"), Body: c.body, At: c.at,
	}
	if err := s.config.World.check(d.Account, d.Friend); err != nil {
		return failure(err)
	}
	d.content = messageDigest(c.fields)
	d, err := s.world.deliver(d)
	if err != nil {
		return failure(err)
	}
	return result{values: map[string]string{"taskId": d.TaskID}}
}

func (s *Sandbox) applyTakeOver(c call) result {
	t := Takeover{
		Account: c.text("wechat_key"), Friend: c.text("friend_key"), AppliedAt: c.at,
		Applicant: c.text("apply_key"), ApplicantName: c.text("apply_name"), Reason: c.text("apply_reason"), Source: c.text("apply_source"),
	}
	if t.Account == "" || t.Friend == "" {
		return refuse(codeParameters, "wechat_key and friend_key must be given: they name the conversation")
	}
	if err := s.config.World.check(t.Account, t.Friend); err != nil {
		return failure(err)
	}
	t, err := s.world.apply(t)
	if err != nil {
		return failure(err)
	}
	switch s.config.TakeoverAnswer {
	case AnswerObject:
		return result{values: map[string]string{"TakeOverKey": t.Key}}
	case AnswerNone:
		return result{values: true}
	default:
		return result{values: t.Key}
	}
}

func (s *Sandbox) endTakeOver(c call) result {
	ended, err := s.world.end(c.text("TakeOverKey"), c.text("WechatId"), c.text("ToUserName"), c.at)
	if err != nil {
		return failure(err)
	}
	if !ended && s.config.RefuseIdleEnd {
		return refuse(codeFailed, "this conversation is not taken over: there is nothing to end")
	}
	return result{values: true}
}
