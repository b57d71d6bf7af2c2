package youmi

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
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

// TestDocumentedRequests sends every request that the pages api-73950154 and api-73950177 show through the typed methods,
// and compares what arrives with the page, field by field.
func TestDocumentedRequests(t *testing.T) {
	var path string
	var arrived []byte
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		arrived, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, done)
	})
	client := p.client(t)
	schemas := bodySchemas(t)
	seen := map[string]bool{}
	for _, shown := range examples(t) {
		t.Run(shown.Name, func(t *testing.T) {
			switch shown.Operation {
			case OperationSend:
				var message Message
				strict(t, shown.Body, &message)
				_, err := client.Send(t.Context(), &message)
				require.NoError(t, err)
				seen[message.MsgType] = true
			case OperationApplyTakeover:
				var application TakeoverApplication
				strict(t, shown.Body, &application)
				_, err := client.ApplyTakeover(t.Context(), &application)
				require.NoError(t, err)
			}
			require.JSONEq(t, string(shown.Body), string(arrived))
			require.True(t, strings.HasSuffix(path, "/"+shown.Operation))
			var body any
			require.NoError(t, json.Unmarshal(arrived, &body))
			require.NoError(t, schemas[shown.Operation](body))
		})
	}
	require.Len(t, seen, 13, "every MsgType has an example")
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
			if media := operation.RequestBody.Value.Content.Get("application/json"); media != nil {
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
