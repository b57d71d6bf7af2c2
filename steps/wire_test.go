package steps

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/youmi"
)

// recorder is an API that keeps what is sent and answers as told.
type recorder struct {
	operation string
	body      []byte
	raw       youmi.Request
	response  *youmi.Response
	err       error
}

func (r *recorder) Raw(_ context.Context, request youmi.Request) (*youmi.Response, error) {
	r.operation, r.raw = request.Method+" "+request.Path, request
	r.body, _ = youmi.Encode(request.Body)
	return r.response, r.err
}

func (r *recorder) Call(_ context.Context, operation string, body any) (*youmi.Response, error) {
	r.operation = operation
	r.body, _ = youmi.Encode(body)
	return r.response, r.err
}

func newCatalogue(t require.TestingT, api API) *Catalogue {
	catalogue, err := New(Config{API: func(connection string) (API, error) {
		if connection != "default" {
			return nil, errors.New("no such connection")
		}
		return api, nil
	}})
	require.NoError(t, err)
	return catalogue
}

func prepare(t require.TestingT, catalogue *Catalogue, name string, with map[string]any) (engine.Action, error) {
	step, ok := catalogue.Step(name)
	require.True(t, ok, name)
	return step.Prepare(engine.Input{Connection: "default", With: with})
}

// recipient adds who it is for.
func recipient(with map[string]any) map[string]any {
	all := map[string]any{"account": 135389, "friend": "wxid_example"}
	for name, value := range with {
		all[name] = value
	}
	return all
}

// TestBodies holds the table of language.md against what the page of doSendPublicMes (api-73950154) shows.
func TestBodies(t *testing.T) {
	const to = `"WechatId":"135389","ToUserName":"wxid_example","RelationType":0,`
	tests := []struct {
		name string
		step string
		with map[string]any
		body string
	}{
		{"text", "message.send", map[string]any{"text": "你好"}, to + `"MsgType":"text","Text":"你好"`},
		{"text of a number", "message.send", map[string]any{"text": 42}, to + `"MsgType":"text","Text":"42"`},
		{"image", "message.send", map[string]any{"image": "https://e.com/a.PNG?x=1"}, to + `"MsgType":"image","Url":"https://e.com/a.PNG?x=1","Format":"png"`},
		{"image without suffix", "message.send", map[string]any{"image": map[string]any{"url": "https://e.com/a", "format": ".jpg"}}, to + `"MsgType":"image","Url":"https://e.com/a","Format":"jpg"`},
		{"video", "message.send", map[string]any{"video": map[string]any{"url": "https://e.com/v.mp4", "title": "t", "description": "d", "thumbnail": "https://e.com/t.png"}},
			to + `"MsgType":"video","Url":"https://e.com/v.mp4","Format":"mp4","Description":"d","ThumbnailUrl":"https://e.com/t.png","Title":"t"`},
		{"file", "message.send", map[string]any{"file": map[string]any{"url": "https://e.com/1.pdf", "title": "报价 单+1"}},
			to + `"MsgType":"file","Url":"https://e.com/1.pdf","Format":"pdf","Title":"%E6%8A%A5%E4%BB%B7%20%E5%8D%95%2B1.pdf"`},
		{"file by its address", "message.send", map[string]any{"file": "https://e.com/x/%E6%8A%A5.docx"}, to + `"MsgType":"file","Url":"https://e.com/x/%E6%8A%A5.docx","Format":"docx","Title":"%E6%8A%A5.docx"`},
		{"link", "message.send", map[string]any{"link": map[string]any{"url": "https://e.com/?a=1&b=2", "title": "t", "description": "d", "thumbnail": "https://e.com/t.png"}},
			to + `"MsgType":"link","Url":"https://e.com/?a=1&b=2","Description":"d","ThumbMediaUrl":"https://e.com/t.png","Title":"t"`},
		{"card", "message.send", map[string]any{"card": "小王"}, to + `"MsgType":"card","Text":"小王"`},
		{"wecom_card", "message.send", map[string]any{"wecom_card": map[string]any{"name": "小王", "company": "友米"}}, to + `"MsgType":"qvcard","Text":"小王","CompanyName":"友米"`},
		{"mini_program", "message.send", map[string]any{"mini_program": map[string]any{"name": "商城"}}, to + `"MsgType":"mp","Text":"商城"`},
		{"official_account", "message.send", map[string]any{"official_account": "友米"}, to + `"MsgType":"gzh","Text":"友米"`},
		{"collect_payment", "message.send", map[string]any{"collect_payment": true}, to + `"MsgType":"rebpacket"`},
		{"refund", "message.send", map[string]any{"refund": true}, to + `"MsgType":"returnmoney"`},
		{"wecom", "message.send", map[string]any{"channel": "wecom", "text": "a"}, `"WechatId":"135389","ToUserName":"wxid_example","RelationType":3,"MsgType":"text","Text":"a"`},
		{"batch", "message.batch", map[string]any{"messages": []any{
			map[string]any{"text": "a"}, map[string]any{"image": "https://e.com/a.png"}, map[string]any{"video": "https://e.com/v.mp4"},
			map[string]any{"file": "https://e.com/f.pdf"}, map[string]any{"link": "https://e.com"},
		}}, to + `"MsgType":"batch","messList":[{"MsgType":"text","Text":"a"},{"MsgType":"image","ImageUrl":"https://e.com/a.png","Format":"png"},` +
			`{"MsgType":"video","Url":"https://e.com/v.mp4","Format":"mp4"},{"MsgType":"file","Url":"https://e.com/f.pdf","Format":"pdf","Title":"f.pdf"},` +
			`{"MsgType":"link","Url":"https://e.com"}]`},
		{"forward", "message.forward", map[string]any{"from": "wxid_source", "flags": []any{map[string]any{"flag": "flag:0000026", "type": "image", "time": 1647865582, "index": "1"}}},
			`"WechatId":"135389","ToUserName":"wxid_example","ShareUnionIDNode":"wxid_source","RelationType":0,"MsgType":"forward",` +
				`"Flags":[{"Flag":"flag:0000026","MsgType":"image","MsgTime":1647865582,"MsgIndex":1}]`},
		{"apply", "takeover.apply", map[string]any{"applicant": 7, "applicant_name": "n", "reason": "r", "source": "QKB"},
			`"wechat_key":"135389","friend_key":"wxid_example","apply_key":"7","apply_name":"n","apply_reason":"r","apply_source":"QKB"`},
	}
	schemas := requestSchemas(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			api := &recorder{response: &youmi.Response{Succeed: true, Code: 20000, RequestID: "r", Values: []byte(`{"taskId":"t"}`)}}
			action, err := prepare(t, newCatalogue(t, api), test.step, recipient(test.with))
			require.NoError(t, err)
			require.Equal(t, "{"+test.body+"}", string(action.Request.Body))
			require.Equal(t, "135389", action.Request.Account)
			require.Equal(t, "wxid_example", action.Request.Friend)
			conforms(t, schemas, action.Request.Operation, action.Request.Body)
			require.Nil(t, api.body, "Prepare has sent something")
			outcome := action.Perform(t.Context())
			require.Equal(t, engine.Succeeded, outcome.State)
			require.Equal(t, action.Request.Operation, api.operation)
			require.Equal(t, string(action.Request.Body), string(api.body), "what is sent is what was prepared")
		})
	}
}

// schemaSet holds the bodies of openapi.yaml by operation.
type schemaSet map[string]*openapi3.Schema

func requestSchemas(t require.TestingT) schemaSet {
	spec, err := youmi.Spec()
	require.NoError(t, err)
	schemas := schemaSet{}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			schemas[operation.OperationID] = requestSchema(operation)
		}
	}
	return schemas
}

// requestSchema is that of the body; where there is none, that of an object of the query's parameters.
func requestSchema(operation *openapi3.Operation) *openapi3.Schema {
	if operation.RequestBody != nil {
		for _, media := range operation.RequestBody.Value.Content {
			return media.Schema.Value
		}
	}
	query := openapi3.NewObjectSchema().WithoutAdditionalProperties()
	for _, parameter := range operation.Parameters {
		if parameter.Value.In == openapi3.ParameterInQuery {
			query.WithPropertyRef(parameter.Value.Name, parameter.Value.Schema)
		}
	}
	return query
}

func conforms(t require.TestingT, schemas schemaSet, operation string, request []byte) {
	body := any(map[string]any{}) // a GET without parameters
	if len(request) > 0 {
		require.NoError(t, json.Unmarshal(request, &body))
	}
	require.NotNil(t, schemas[operation], operation)
	require.NoError(t, schemas[operation].VisitJSON(body), string(request))
}

func errorsOf(problems diagnostic.List) []string {
	var messages []string
	for _, problem := range problems {
		if problem.Severity == diagnostic.Error {
			messages = append(messages, problem.Message)
		}
	}
	return messages
}
