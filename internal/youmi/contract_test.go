package youmi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is a request as a page of the vendor shows it, in testdata/requests.json.
type example struct {
	Name      string          `json:"name"`
	Operation string          `json:"operation"`
	Body      json.RawMessage `json:"body"`
}

func examples(t *testing.T) []example {
	t.Helper()
	file, err := os.ReadFile("testdata/requests.json")
	require.NoError(t, err)
	var list []example
	require.NoError(t, json.Unmarshal(file, &list))
	return list
}

// typed makes the Go value that each operation's request is written with.
func typed(operation string) any {
	switch operation {
	case OperationSend:
		return new(Message)
	case OperationApplyTakeover:
		return new(TakeoverApplication)
	case OperationActivationConversation:
		return new(ActivationConversationRequest)
	case OperationGetDataByStaffCustomer:
		return new(GetDataByStaffCustomerRequest)
	case OperationGetActivationListByStaff:
		return new(GetActivationListByStaffRequest)
	case OperationGetDepartGroupList:
		return new(GetDepartGroupListRequest)
	case OperationGetStaffList:
		return new(GetStaffListRequest)
	case OperationGetFansList:
		return new(GetFansListRequest)
	case OperationGetFansCount:
		return new(GetFansCountRequest)
	case OperationAddRecord:
		return new(AddRecordRequest)
	case OperationAddRecordNew:
		return new(AddRecordNewRequest)
	case OperationGetChargeDaffairesList:
		return new(GetChargeDaffairesListRequest)
	case OperationGetChargeDaffairesCount:
		return new(GetChargeDaffairesCountRequest)
	case OperationGetAdList:
		return new(GetAdListRequest)
	case OperationGetAdCount:
		return new(GetAdCountRequest)
	case OperationSaveBulkSendTask:
		return &SaveBulkSendTaskRequest{TaskContent: &[]BulkSendItem{}} // the page's array, typed
	case OperationDeleteBulkSendTask:
		return new(DeleteBulkSendTaskRequest)
	case OperationGetMeetingVoiceCall:
		return new(GetMeetingVoiceCallRequest)
	case OperationRegisterCallbackURL:
		return new(RegisterCallbackURLRequest)
	case OperationSubscribeEvent:
		return new(SubscribeEventRequest)
	case OperationV1WeCaht:
		return new(V1WeCahtRequest)
	case OperationV1Friend:
		return new(V1FriendRequest)
	case OperationV1AddFriend:
		return new(V1AddFriendRequest)
	}
	return nil
}

// TestDocumentedRequests sends every request that the pages show through the typed Go values, and compares what arrives
// with the page, field by field: path, method, headers, and a body or query that openapi.yaml allows.
func TestDocumentedRequests(t *testing.T) {
	var arrived *http.Request
	var body []byte
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/publicapi/v1/GetAccessToken" {
			_, _ = io.WriteString(w, v1Token)
			return
		}
		arrived = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, done)
	})
	config := p.config()
	config.V1 = V1Config{BaseURL: p.URL + "/publicapi/v1", AppID: "73289537", AppKey: appkey}
	client, err := New(config)
	require.NoError(t, err)
	schemas := bodySchemas(t)
	operations := byID(t)
	kinds, seen := map[string]bool{}, map[string]bool{}
	for _, shown := range examples(t) {
		t.Run(shown.Name, func(t *testing.T) {
			value := typed(shown.Operation)
			if value != nil {
				strict(t, shown.Body, value)
			}
			_, err := client.Call(t.Context(), shown.Operation, value)
			require.NoError(t, err)
			if message, ok := value.(*Message); ok {
				kinds[message.MsgType] = true
			}
			seen[shown.Operation] = true
			operation := operations[shown.Operation]
			require.Equal(t, operation.Method, arrived.Method)
			path, media := operation.Path, "application/json"
			if operation.Version == V1 {
				path, media = "/publicapi/v1"+path, "text/json"
				require.Empty(t, arrived.Header.Get("Authorization"))
				require.Equal(t, "v1-token", arrived.Header.Get("access_token"))
			}
			require.Equal(t, path, arrived.URL.Path)
			require.Equal(t, media, arrived.Header.Get("Content-Type"))
			if operation.Method == http.MethodGet {
				require.Empty(t, body)
				requireQuery(t, shown.Body, arrived.URL.Query())
				return
			}
			require.JSONEq(t, string(shown.Body), string(body))
			var parsed any
			require.NoError(t, json.Unmarshal(body, &parsed))
			require.NoError(t, schemas[shown.Operation](parsed))
		})
	}
	require.Len(t, kinds, 13, "every MsgType has an example")
	for id, operation := range operations {
		// The pages of these show no request: GetChat's body was not seen, and the tokens have tests of their own.
		without := []string{OperationGetChat, OperationGetToken, OperationV1GetAccessToken}
		if operation.Status != "assumed" && !slices.Contains(without, id) {
			require.True(t, seen[id], "%s has no example", id)
		}
	}
}

func requireQuery(t *testing.T, shown []byte, query url.Values) {
	t.Helper()
	want := map[string]any{}
	require.NoError(t, json.Unmarshal(shown, &want))
	require.Len(t, query, len(want))
	for name, value := range want {
		require.Equal(t, []string{fmt.Sprint(value)}, query[name], name)
	}
}

func byID(t *testing.T) map[string]Operation {
	t.Helper()
	list, err := Operations()
	require.NoError(t, err)
	operations := map[string]Operation{}
	for _, operation := range list {
		operations[operation.ID] = operation
	}
	return operations
}

// strict decodes without losing a field.
func strict(t *testing.T, body []byte, to any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(to))
}

func bodySchemas(t *testing.T) map[string]func(any) error {
	t.Helper()
	spec, err := Spec()
	require.NoError(t, err)
	schemas := map[string]func(any) error{}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Value.Content {
				schemas[operation.OperationID] = func(body any) error { return media.Schema.Value.VisitJSON(body) }
			}
		}
	}
	return schemas
}

// TestWhatTheDocumentRefuses keeps openapi.yaml strict about what is easily confused.
func TestWhatTheDocumentRefuses(t *testing.T) {
	schemas := bodySchemas(t)
	for name, body := range map[string]string{
		"no type":                      `{"WechatId":"1","ToUserName":"f","RelationType":0,"Text":"a"}`,
		"an unknown type":              `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"redpacket"}`,
		"nobody to send to":            `{"WechatId":"1","RelationType":0,"MsgType":"text","Text":"a"}`,
		"an account that is a number":  `{"WechatId":1,"ToUserName":"f","RelationType":0,"MsgType":"text","Text":"a"}`,
		"an empty text":                `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"text","Text":""}`,
		"a batch image with Url":       `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"batch","messList":[{"MsgType":"image","Url":"u","Format":"png"}]}`,
		"a single image with ImageUrl": `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"image","ImageUrl":"u","Format":"png"}`,
		"a link with ThumbnailUrl":     `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"link","Url":"u","ThumbnailUrl":"t"}`,
		"a video with ThumbMediaUrl":   `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"video","Url":"u","Format":"mp4","ThumbMediaUrl":"t"}`,
		"an empty batch":               `{"WechatId":"1","ToUserName":"f","RelationType":0,"MsgType":"batch","messList":[]}`,
		"a relation type of 4":         `{"WechatId":"1","ToUserName":"f","RelationType":4,"MsgType":"text","Text":"a"}`,
	} {
		var value any
		require.NoError(t, json.Unmarshal([]byte(body), &value))
		require.Error(t, schemas[OperationSend](value), name)
	}
}

func TestEndTakeoverNamesTheConversation(t *testing.T) {
	var arrived []byte
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		arrived, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, done)
	})
	require.NoError(t, p.client(t).EndTakeover(t.Context(), &TakeoverEnd{TakeOverKey: "k", WechatID: "1", ToUserName: "f"}))
	require.JSONEq(t, `{"TakeOverKey":"k","WechatId":"1","ToUserName":"f"}`, string(arrived))
}

func TestConfiguration(t *testing.T) {
	good := Config{BaseURL: "https://api.example.com", ClientID: "c", ClientSecret: "s"}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no base":            {func(c *Config) { c.BaseURL = "" }, "set connections.NAME.base_url"},
		"no scheme":          {func(c *Config) { c.BaseURL = "api.example.com" }, "not an http or https address"},
		"another scheme":     {func(c *Config) { c.BaseURL = "ftp://api.example.com" }, "not an http or https address"},
		"a query":            {func(c *Config) { c.BaseURL = "https://a.b/?x=1" }, "a host and a path only"},
		"a bad token_url":    {func(c *Config) { c.TokenURL = "sso" }, "token_url"},
		"no secret":          {func(c *Config) { c.ClientSecret = "" }, "client_secret"},
		"no such operation":  {func(c *Config) { c.Operations = map[string]Override{"send": {}} }, "operations.send: no such operation; there are ActivationConversation, AddRecord"},
		"a path without /":   {func(c *Config) { c.Operations = map[string]Override{OperationSend: {Path: "v2"}} }, "must begin with a slash"},
		"a method like that": {func(c *Config) { c.Operations = map[string]Override{OperationSend: {Method: "SEND"}} }, "is not GET, POST"},
	} {
		config := good
		test.change(&config)
		_, err := New(config)
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := New(good)
	require.NoError(t, err)
}

func TestOverrides(t *testing.T) {
	var got string
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.Path
		_, _ = io.WriteString(w, done)
	})
	config := p.config()
	config.BaseURL += "/gateway/"
	config.Operations = map[string]Override{OperationEndTakeover: {Path: "/v2/ChatMess/finish", Method: "put", Confirmed: true}}
	client, err := New(config)
	require.NoError(t, err)
	require.NoError(t, client.EndTakeover(t.Context(), &TakeoverEnd{TakeOverKey: "k"}))
	require.Equal(t, "PUT /gateway/v2/ChatMess/finish", got)

	operations, err := Operations()
	require.NoError(t, err)
	changed, err := Overridden(operations, config.Operations)
	require.NoError(t, err)
	for i, operation := range changed {
		if operation.ID == OperationEndTakeover {
			require.Equal(t, StatusConfirmed, operation.Status)
			require.Equal(t, "assumed", operations[i].Status, "the original is left alone")
		}
	}
}
