package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"youmiflow/internal/youmi"
)

// send calls any path of version 2.
func (c *client) send(method, path, body string) answer {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	return c.answered(request)
}

func (c *client) answered(request *http.Request) answer {
	c.t.Helper()
	response, err := c.http.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	var a answer
	require.NoError(c.t, json.Unmarshal(text, &a), "%s", text)
	a.status, a.header = response.StatusCode, response.Header
	return a
}

// post calls an operation of version 2 and reads its values.
func (c *client) post(path, body string, values any) {
	c.t.Helper()
	a := c.send(http.MethodPost, path, body)
	require.True(c.t, a.Succeed, "%s: %s", path, a.description())
	require.NoError(c.t, json.Unmarshal(a.Values, values), "%s", a.Values)
}

// signed calls an operation of version 1 with a token.
func (c *client) signed(token, method, path, body string) answer {
	c.t.Helper()
	return c.answered(c.signedRequest(token, method, path, body))
}

func (c *client) signedRequest(token, method, path, body string) *http.Request {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+"/publicapi/v1"+path, strings.NewReader(body))
	require.NoError(c.t, err)
	now := strconv.FormatInt(c.box.config.Clock().Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "text/json", "access_token": token, "Nonce": "n1", "Timestamp": now, "Signature": signature(V1AppKey, token, "n1", now),
	} {
		request.Header.Set(name, value)
	}
	return request
}

func (c *client) v1Token() string {
	c.t.Helper()
	now := strconv.FormatInt(c.box.config.Clock().Unix(), 10)
	body := fmt.Sprintf(`{"AppId":"73289537","Nonce":"123456","Timestamp":%q,"Signature":%q}`, now, signature(V1AppKey, "73289537", "123456", now))
	a := c.signed("", http.MethodPost, "/GetAccessToken?format=json", body)
	require.Equal(c.t, 10004, a.Code, a.description())
	var values struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	require.NoError(c.t, json.Unmarshal(a.Values, &values))
	require.Equal(c.t, c.box.config.Clock().Add(7*24*time.Hour).Unix(), values.Expires, "an absolute time")
	return values.Token
}

// goodRequests holds a request for each operation, after the examples of the pages.
func goodRequests() map[string]string {
	return map[string]string{
		"doSendPublicMes":          `{"WechatId":"135389","ToUserName":"wxid_example","RelationType":0,"MsgType":"text","Text":"hello"}`,
		"applyTakeOver":            `{"wechat_key":"135389","friend_key":"wxid_example","apply_key":"k3","apply_name":"name","apply_reason":"reason","apply_source":"QKB"}`,
		"endTakeOver":              `{"WechatId":"135389","ToUserName":"wxid_example"}`,
		"ActivationConversation":   `{"ad_friend_wenober":"wxid_example","ad_original_nober":"wxid_own","ad_wechat_id":0,"staff_code":"001","enforceAttribution":0,"content":"text","activationType":1,"switchSession":0}`,
		"sendNotification":         `{"ad_friend_wenober":"wxid_example","ad_wechat_id":135389,"staff_code":"001","content":"text"}`,
		"GetChat":                  `{"wechatId":135389,"fansKe":"wxid_example","pageIndex":1,"pageSize":20}`,
		"GetDataByStaffCustomer":   `{"startDate":"2024-01-01 00:00:00","endDate":"2024-01-31 23:59:59","orderKey":"ad_staff_name","orderType":"desc","staffCode":"","departId":-1,"departGroupId":-1,"show":3,"staffState":true,"wechatLei":0,"relationIsFlock":-1,"searchData":0,"pageIndex":1,"pageSize":20}`,
		"GetActivationListByStaff": `{"time":1704038400,"wechat_lei":0,"ad_staff_code":null,"ad_departid":"-1","ad_departgroupid":"-1"}`,
		"GetDepartList":            ``,
		"GetDepartGroupList":       `{"departId":-1}`,
		"GetStaffList":             `{"departId":-1,"departGroupId":-1,"staffState":0}`,
		"GetAllStaffList":          `{"staffState":0}`,
		"GetFansList":              `{"wechatId":135389,"pageIndex":1,"pageSize":20}`,
		"GetFansCount":             `{"wechatId":0,"wechatKey":"","fansKe":"","fansName":"","addStartTime":0,"addEndTime":0,"bindStartTime":0,"bindEndTime":0,"lastChatStartTime":0,"lastChatEndTime":0,"staffCode":"","minUpdateTime":0,"relationType":0,"relationState":0,"wechatType":0}`,
		"AddRecord":                `{"Weixin":"wxid_example","SffId":"001","RemindTitle":"title","FollowupsiTuation":"text","RemindTime":"2099-01-01 09:00:00","IsAlways":0,"Recipient":["001"]}`,
		"AddRecordNew":             `{"Weixin":"wxid_example","From":0,"SffId":"001","RemindTitle":"title","FollowupsiTuation":"text","RemindTime":"2099-01-01 09:00:00","IsAlways":0,"Recipient":["001"],"AdWecharId":135389,"LevelColor":"","LevelName":"","EventType":0}`,
		"GetChargeDaffairesList":   `{"startTimestamp":0,"endTimestamp":0,"remindStartTimestamp":0,"remindEndTimestamp":0,"createStaff":"","remindStaff":"","WecharId":0,"wechatNober":"","usersate":-1,"chargeDaffairesId":0,"pageIndex":1,"pageSize":20}`,
		"GetChargeDaffairesCount":  `{"startTimestamp":0,"endTimestamp":0,"createStaff":"","WecharId":0,"usersate":-1}`,
		"GetAdList":                `{"code":"","name":"","minCosts":0,"maxCosts":0,"startTime":"2024-01-01 00:00:00","endTime":"2024-12-31 23:59:59","state":-1,"buildType":-1,"pageIndex":1,"pageSize":10}`,
		"GetAdCount":               `{"code":"","name":"","minCosts":0,"maxCosts":0,"startTime":"2024-01-01 00:00:00","endTime":"2024-12-31 23:59:59","state":-1,"buildType":-1}`,
		"SaveBulkSendTask":         `{"task_content":[{"data":{"content":"123"},"type":"0"}]}`,
		"DeleteBulkSendTask":       `{"ad_bulk_send_id":853}`,
		"GetMeetingVoiceCall":      `{"startDate":"","endDate":"","ad_wechat_nober":"","ad_wechat_nick":"","ad_staff_code":"001","msg_type":"meeting_voice_call","wechat_lei":"-1","wechat_id":"135389","fans_key":"wxid_example","PageIndex":1,"PageSize":20}`,
		"registerCallbackUrl":      `{"url":"https://example.com/hook","type":100}`,
		"subscribeEvent":           `{"url":"https://example.com/hook","appId":"app","messageTypes":["chat"]}`,
		"v1WeCaht":                 ``,
		"v1friend":                 ``,
		"v1Add_Friend":             `{"ReceiVerId":"agsoft","Wechat_Moble":"2254","GreeTing":"001","PcKid":"agsoft0251","sffcode":"001"}`,
	}
}

// Every operation takes the request of its page and answers what openapi.yaml describes.
func TestEveryOperationAnswersAsDescribed(t *testing.T) {
	spec, err := youmi.Spec()
	require.NoError(t, err)
	for name, config := range map[string]Config{"anybody": {}, "bare": {V1BareObject: true}} {
		t.Run(name, func(t *testing.T) {
			c := open(t, config)
			token := c.v1Token()
			requests := goodRequests()
			for path, item := range spec.Paths.Map() {
				for method, described := range item.Operations() {
					id := described.OperationID
					if id == youmi.OperationGetToken || id == "v1GetAccessToken" {
						continue
					}
					body, known := requests[id]
					require.True(t, known, "a request for %s", id)
					var a answer
					if strings.HasPrefix(id, "v1") {
						a = c.signed(token, method, path, body)
					} else {
						a = c.send(method, path, body)
					}
					require.True(t, a.Succeed, "%s: %s", id, a.description())
					requireDescribed(t, spec, described, a)
				}
			}
		})
	}
}

// requireDescribed compares an answer with the schema of the whole answer and with that of its values.
func requireDescribed(t *testing.T, spec *openapi3.T, described *openapi3.Operation, a answer) {
	t.Helper()
	var values any
	require.NoError(t, json.Unmarshal(a.Values, &values))
	whole := map[string]any{"errmsg": float64(a.Code), "succeed": a.Succeed, "msgTime": a.Time, "values": values}
	schema := described.Responses.Value("200").Value.Content.Get("application/json").Schema.Value
	require.NoError(t, schema.VisitJSON(whole, openapi3.MultiErrors()), described.OperationID)
	name, _ := described.Extensions["x-plausible-values"].(string)
	if name == "" {
		return
	}
	plausible := spec.Components.Schemas[name].Value
	require.NoError(t, plausible.VisitJSON(values, openapi3.MultiErrors()), described.OperationID)
	if rows, ok := values.([]any); ok && len(rows) > 0 {
		for field := range plausible.Items.Value.Properties {
			require.Contains(t, rows[0], field, described.OperationID)
		}
	}
}

// query builds the path of a v1 read.
func query(path string, values url.Values) string { return path + "?" + values.Encode() }
