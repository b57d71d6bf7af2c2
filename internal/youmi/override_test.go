package youmi

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// An operation that was guessed wrong is put right in the configuration: its path, its method and its fields.
func TestAGuessIsPutRight(t *testing.T) {
	var got, body string
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		got, body = r.Method+" "+r.URL.RequestURI(), string(read)
		_, _ = io.WriteString(w, done)
	})
	config := p.config()
	config.Operations = map[string]Override{
		OperationGetFansList: {Fields: map[string]string{"pageIndex": "PageIndex", "fansKe": "fansKey", "fansKey": "fansKe"}},
	}
	_, err := New(config)
	require.ErrorContains(t, err, "operations.GetFansList: fields.fansKey: the request has no such field; there are wechatId, wechatKey, fansKe")

	config.Operations = map[string]Override{
		OperationGetFansList:      {Fields: map[string]string{"pageIndex": "PageIndex", "fansName": "name <b>"}},
		OperationSendNotification: {Path: "/v2/Notify", Fields: map[string]string{"content": "Text", "staff_code": "content"}, Confirmed: true},
		OperationGetAllStaffList:  {Method: "GET", Fields: map[string]string{"staffState": "state"}},
	}
	client, err := New(config)
	require.NoError(t, err)
	_, err = client.Call(t.Context(), OperationGetFansList, &GetFansListRequest{PageIndex: new(int64(1)), PageSize: new(int64(20)), FansName: new("<张>")})
	require.NoError(t, err)
	require.JSONEq(t, `{"PageIndex":1,"pageSize":20,"name <b>":"<张>"}`, body)
	require.Contains(t, body, "<张>", "written as it reads")

	_, err = client.Call(t.Context(), OperationSendNotification, []byte(`{"content":"hello","staff_code":"001"}`))
	require.NoError(t, err)
	require.Equal(t, "POST /v2/Notify", got)
	require.JSONEq(t, `{"Text":"hello","content":"001"}`, body, "names may change places")

	_, err = client.Call(t.Context(), OperationGetAllStaffList, &GetAllStaffListRequest{StaffState: new(int64(1))})
	require.NoError(t, err)
	require.Equal(t, "GET /v2/System/GetAllStaffList?state=1", got, "a GET has a query")
	require.Empty(t, body)

	_, err = client.Call(t.Context(), OperationGetFansList, []byte(`{"pageIndex":1,"PageIndex":2}`))
	require.ErrorContains(t, err, `two fields would be sent as "PageIndex"`)
	require.Equal(t, NotSent, Classify(err))
	_, err = client.Call(t.Context(), OperationGetAllStaffList, []byte(`{"a":null,"b":true,"c":12345678901234567890}`))
	require.NoError(t, err)
	require.Equal(t, "GET /v2/System/GetAllStaffList?b=true&c=12345678901234567890", got, "null is left out, numbers stay whole")
	_, err = client.Call(t.Context(), OperationGetAllStaffList, []byte(`{"state":[1]}`))
	require.ErrorContains(t, err, "a query cannot hold")
}

func TestFieldNamesThatCannotBe(t *testing.T) {
	for want, fields := range map[string]map[string]string{
		"say what the platform calls it":                                {"pageIndex": ""},
		`fields.pageIndex and fields.pageSize: both are called "Page"`:  {"pageIndex": "Page", "pageSize": "Page"},
		"fields.PageIndex: the request has no such field; there are we": {"PageIndex": "page"},
	} {
		_, err := Overridden(described(), map[string]Override{OperationGetFansList: {Fields: fields}})
		require.ErrorContains(t, err, want)
	}
	_, err := Overridden(described(), map[string]Override{OperationGetToken: {Path: "/token"}})
	require.ErrorContains(t, err, "its address is token_url")
	_, err = Overridden(described(), map[string]Override{OperationV1GetAccessToken: {Confirmed: true}})
	require.NoError(t, err)
	_, err = Overridden(described(), map[string]Override{OperationSend: {Fields: map[string]string{"messList": "MessList", "Flags": "flags"}}})
	require.NoError(t, err, "fields of every kind of message are known")
}
