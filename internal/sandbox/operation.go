package sandbox

import (
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"youmiflow/internal/youmi"
)

// operation is one operation of openapi.yaml that the sandbox imitates.
type operation struct {
	name    string
	path    string
	method  string
	version int              // of the API: 1 or 2
	media   string           // Content-Type of the body; "": no body
	schema  *openapi3.Schema // of the JSON body; nil: not checked
	query   openapi3.Parameters
	answer  func(call) reply
}

// imitations are what the sandbox does for each operation.
func (s *Sandbox) imitations() map[string]func(call) result {
	return map[string]func(call) result{
		youmi.OperationSend:          s.doSendPublicMes,
		youmi.OperationApplyTakeover: s.applyTakeOver,
		youmi.OperationEndTakeover:   s.endTakeOver,
		"ActivationConversation":     s.activationConversation,
		"sendNotification":           s.activationConversation,
		"GetChat":                    s.getChat,
		"GetDataByStaffCustomer":     s.getDataByStaffCustomer,
		"GetActivationListByStaff":   s.getActivationListByStaff,
		"GetDepartList":              s.getDepartList,
		"GetDepartGroupList":         s.getDepartGroupList,
		"GetStaffList":               s.getStaffList,
		"GetAllStaffList":            s.getStaffList,
		"GetFansList":                s.getFansList,
		"GetFansCount":               s.getFansCount,
		"AddRecord":                  s.addRecord,
		"AddRecordNew":               s.addRecord,
		"GetChargeDaffairesList":     s.getTodoList,
		"GetChargeDaffairesCount":    s.getTodoCount,
		"GetAdList":                  s.getAdList,
		"GetAdCount":                 s.getAdCount,
		"SaveBulkSendTask":           s.saveBulkSendTask,
		"DeleteBulkSendTask":         s.deleteBulkSendTask,
		"GetMeetingVoiceCall":        s.getMeetingVoiceCall,
		"registerCallbackUrl":        s.registerCallbackURL,
		"subscribeEvent":             s.subscribeEvent,
		"v1WeCaht":                   s.v1Accounts,
		"v1friend":                   s.v1Friends,
		"v1Add_Friend":               s.v1AddFriend,
	}
}

// v1Bases are where the pages put version 1: doc-3385697 has the first, the examples of its endpoints the second.
func v1Bases() []string { return []string{"/publicapi/v1", "/v1"} }

// describeOperations takes paths, methods and schemas from openapi.yaml.
func (s *Sandbox) describeOperations() (map[string]*operation, error) {
	imitated := s.imitations()
	operations := map[string]*operation{}
	for path, item := range s.config.Spec.Paths.Map() {
		for method, described := range item.Operations() {
			o := describe(described, path, method)
			run := imitated[o.name]
			delete(imitated, o.name)
			switch {
			case o.name == youmi.OperationGetToken:
				o.name, o.schema, o.answer = tokenOperation, nil, s.getToken
			case o.name == "v1GetAccessToken":
				o.answer = s.v1GetAccessToken
			case run == nil:
				continue // a test says so
			case o.version == 1:
				o.answer = s.v1Authorised(run)
			default:
				o.answer = s.authorised(run)
			}
			if o.version == 2 {
				operations[path] = o
				continue
			}
			for _, base := range v1Bases() {
				operations[base+path] = o
			}
		}
	}
	for name := range imitated {
		return nil, fmt.Errorf("openapi.yaml has no operation %s", name)
	}
	return operations, nil
}

// describe reads what the document says of an operation.
func describe(described *openapi3.Operation, path, method string) *operation {
	o := &operation{name: described.OperationID, path: path, method: method, version: 2}
	if strings.HasPrefix(o.name, "v1") {
		o.version = 1
	}
	for _, parameter := range described.Parameters {
		if parameter.Value.In == openapi3.ParameterInQuery {
			o.query = append(o.query, parameter)
		}
	}
	if described.RequestBody == nil || described.RequestBody.Value == nil {
		return o
	}
	for media, content := range described.RequestBody.Value.Content {
		o.media = media
		if content.Schema != nil {
			o.schema = content.Schema.Value
		}
	}
	return o
}

func (s *Sandbox) paths() string {
	return strings.Join(slices.Sorted(maps.Keys(s.operations)), ", ")
}

// authorised runs an operation for those with a good token and a request that openapi.yaml allows.
func (s *Sandbox) authorised(run func(call) result) func(call) reply {
	return func(c call) reply {
		if refusal, ok := s.tokens.check(c.authorization); !ok {
			refusal.status = s.config.UnauthorizedStatus
			return s.wrap(c, refusal)
		}
		if problem := s.checkRequest(c); problem != "" {
			return s.wrap(c, refuse(codeParameters, problem))
		}
		return s.wrap(c, run(c))
	}
}

// checkRequest tells what is wrong with the request's query or body; "" when nothing is.
func (s *Sandbox) checkRequest(c call) string {
	if c.problem != "" {
		return c.problem
	}
	if s.config.SkipChecks || c.operation.media == "" {
		return ""
	}
	want := c.operation.media
	if c.contentType != want { // the usual case needs no parsing
		if media, _, err := mime.ParseMediaType(c.contentType); err != nil || media != want {
			return fmt.Sprintf("Content-Type is %q: it must be %s", c.contentType, want)
		}
	}
	return checkFields(c.operation.schema, c.fields)
}

// readQuery reads the query of an operation into fields, and tells what openapi.yaml has against it.
func (o *operation) readQuery(query url.Values) (fields map[string]any, problem string) {
	fields = map[string]any{}
	for name, values := range query {
		index := slices.IndexFunc(o.query, func(p *openapi3.ParameterRef) bool { return p.Value.Name == name })
		if index < 0 {
			return nil, fmt.Sprintf("the query has %q, which openapi.yaml does not know", name)
		}
		if len(values) != 1 {
			return nil, fmt.Sprintf("the query has %q more than once", name)
		}
		var value any = values[0]
		schema := o.query[index].Value.Schema.Value
		if number, err := strconv.ParseFloat(values[0], 64); err == nil && schema.Type.Is(openapi3.TypeInteger) {
			value = number
		}
		if err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails()); err != nil {
			return nil, strings.Join(explain(nil, name, err), "; ")
		}
		fields[name] = value
	}
	for _, parameter := range o.query {
		if _, given := fields[parameter.Value.Name]; parameter.Value.Required && !given {
			return nil, fmt.Sprintf("the query needs %s", parameter.Value.Name)
		}
	}
	return fields, ""
}

// account is the operating account that a request is about, as far as it tells.
func (s *Sandbox) account(c call) string {
	if account := c.word("WechatId", "wechat_key", "wechatId", "ad_wechat_id", "AdWecharId", "WecharId", "wechat_id", "Wechat_id"); account != "" {
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
	s.pushSent(d)
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
