package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type todoRow struct {
	ID     int    `json:"chargeDaffairesId"`
	Friend string `json:"Weixin"`
	Title  string `json:"RemindTitle"`
	Done   int    `json:"usersate"`
}

func (c *client) todos(filter string) (rows []todoRow) {
	c.t.Helper()
	c.post("/v2/Todo/GetChargeDaffairesList", "{"+filter+"}", &rows)
	var n int
	c.post("/v2/Todo/GetChargeDaffairesCount", "{"+filter+"}", &n)
	require.Len(c.t, rows, n, filter)
	return rows
}

func todo(title, friend, staff string) string {
	creator := ""
	if staff != "" {
		creator = fmt.Sprintf(`"SffId":%q,`, staff)
	}
	return fmt.Sprintf(`{"Weixin":%q,"From":0,%s"RemindTitle":%q,"FollowupsiTuation":"text","RemindTime":"2030-01-01 09:00:00","Recipient":["002"],"AdWecharId":135389}`, friend, creator, title)
}

func TestTodosFromAddToDone(t *testing.T) {
	c := open(t, Config{Fans: 50})
	fan := c.box.people.fan(3)
	var number int
	c.post("/v2/Todo/AddRecordNew", todo("first", fan.wxid, "005"), &number)
	require.Equal(t, 1, number)
	var plain bool
	c.post("/v2/Todo/AddRecord", `{"Weixin":"wxid_b","SffId":"001","RemindTitle":"second","RemindTime":"2031-01-01 09:00:00"}`, &plain)
	require.True(t, plain)

	require.Len(t, c.todos(``), 2)
	for filter, want := range map[string]string{
		`"createStaff":"005"`: "first", `"createStaff":"001"`: "second", `"remindStaff":"002"`: "first", `"WecharId":135389`: "first",
		`"wechatNober":"shop_135389"`: "first", `"chargeDaffairesId":2`: "second", `"remindStartTimestamp":1924966800`: "second", `"remindEndTimestamp":1924966800`: "first",
	} {
		rows := c.todos(filter)
		require.Len(t, rows, 1, filter)
		require.Equal(t, want, rows[0].Title, filter)
	}
	require.Empty(t, c.todos(`"wechatNober":"nobody"`))
	require.Empty(t, c.todos(`"endTimestamp":1000000000`))
	require.Empty(t, c.todos(`"usersate":1`))

	response, _, err := c.do("/_sandbox/todos/done", "application/json", `{"id":1}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, []todoRow{{1, fan.wxid, "first", 1}}, c.todos(`"usersate":1`))
	require.Len(t, c.todos(`"usersate":0`), 1)
	require.Len(t, c.todos(`"usersate":-1`), 2)
	rows := c.everybody(fmt.Sprintf(`"fansKe":%q,`, fan.wxid), 5)
	require.Equal(t, "005", rows[0].Staff, "once it is done the friend becomes the creator's")
	response, _, err = c.do("/_sandbox/todos/done", "application/json", `{"id":1}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "it is no longer open")

	c.post("/v2/Todo/AddRecordNew", todo("third", fan.wxid, ""), &number)
	require.Empty(t, c.everybody(fmt.Sprintf(`"fansKe":%q,`, fan.wxid), 5)[0].Staff, "leaving SffId out takes the owner away")
	require.NotContains(t, c.everybody(`"staffCode":"005",`, 50), rows[0], "also where the filter was asked before")
}

func TestTodosAreRefused(t *testing.T) {
	now := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	c := open(t, Config{World: SmallWorld(), Clock: func() time.Time { return now }})
	for want, body := range map[int]string{
		200012: strings.Replace(todo("x", "wxid_a", "001"), "2030-01-01", "2026-11-10", 1),
		200009: todo("x", "nobody", "001"),
		200010: todo("x", "wxid_a", "999"),
		200018: strings.Replace(todo("x", "wxid_a", "001"), "135389", "1", 1),
	} {
		require.Equal(t, want, c.send(http.MethodPost, "/v2/Todo/AddRecordNew", body).Code, body)
	}
	require.Empty(t, c.box.Todos())
}

func TestBulkSends(t *testing.T) {
	c := open(t, Config{RefuseIdleEnd: true})
	const save = `{"task_content":[{"data":{"content":"123"},"type":"0"}],"anything":"else"}`
	var saved struct {
		ID int `json:"ad_bulk_send_id"`
	}
	c.post("/v2/BulkSend/SaveBulkSendTask", save, &saved)
	c.post("/v2/BulkSend/SaveBulkSendTask", save, &saved)
	require.Equal(t, 2, saved.ID)
	a := c.send(http.MethodPost, "/v2/BulkSend/DeleteBulkSendTask", `{"ad_bulk_send_id":2}`)
	require.True(t, a.Succeed)
	require.Nil(t, a.RequestID, "as in the one recorded answer")
	require.Equal(t, 200019, c.send(http.MethodPost, "/v2/BulkSend/DeleteBulkSendTask", `{"ad_bulk_send_id":2}`).Code)
	sends := c.box.BulkSends()
	require.Equal(t, []bool{false, true}, []bool{sends[0].Deleted, sends[1].Deleted})
	require.JSONEq(t, save, string(sends[0].Body))
	require.True(t, open(t, Config{}).send(http.MethodPost, "/v2/BulkSend/DeleteBulkSendTask", `{"ad_bulk_send_id":2}`).Succeed)
}

type line struct {
	ID       uint64 `json:"ad_chatting_id"`
	Kind     int    `json:"ad_chatting_type"`
	Content  string `json:"ad_chatting_content"`
	Reserved string `json:"ad_chatting_resvred"`
	Sent     int    `json:"ad_chatting_issend"`
}

func (c *client) chat(body string) (lines []line) {
	c.t.Helper()
	c.post("/v2/ChatMess/GetChat", body, &lines)
	return lines
}

// The chat shows what was sent to the friend and what the friend wrote, and nothing else.
func TestChatShowsWhatWasSaid(t *testing.T) {
	now := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	c := open(t, Config{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	require.True(t, c.call("doSendPublicMes", text("135389", "wxid_a", " 你好 🎉")).Succeed)
	require.True(t, c.call("doSendPublicMes", text("135389", "wxid_b", "to another")).Succeed)
	require.True(t, c.call("doSendPublicMes", text("135380", "wxid_a", "from another")).Succeed)
	_, err := c.box.Reply("135389", "wxid_a", "有优惠吗")
	require.NoError(t, err)
	_, err = c.box.Reply("135389", "wxid_a", "?")
	require.NoError(t, err)
	require.True(t, c.call("doSendPublicMes", `{"WechatId":"135389","ToUserName":"wxid_a","RelationType":0,"MsgType":"batch","messList":[
		{"MsgType":"image","ImageUrl":"https://x.example/a.png","Format":"png"},
		{"MsgType":"link","Url":"https://x.example/a?b=1 2","Title":"标题 & more"},
		{"MsgType":"file","Url":"https://x.example/f","Title":"a%20b.pdf","Format":"pdf"}]}`).Succeed)
	require.True(t, c.call("doSendPublicMes", `{"WechatId":"135389","ToUserName":"wxid_a","RelationType":0,"MsgType":"card","Text":"小美"}`).Succeed)

	lines := c.chat(`{"wechatId":135389,"fansKe":"wxid_a","pageSize":100}`)
	var got []string
	for i, l := range lines {
		got = append(got, fmt.Sprint(l.Sent, " ", l.Kind, " ", l.Content))
		require.True(t, i == 0 || l.ID < lines[i-1].ID, "newest first")
	}
	require.Equal(t, []string{
		"1 42 MP[小美]", "1 496 file[https://x.example/f]", "1 49 a(https://x.example/a?b=1 2)", "1 3 imgs[https://x.example/a.png]",
		"0 1 ?", "0 1 有优惠吗", "1 1  你好 🎉",
	}, got)
	plain, err := url.PathUnescape(lines[2].Reserved)
	require.NoError(t, err)
	require.JSONEq(t, `{"title":"标题 & more","url":"https://x.example/a?b=1 2"}`, plain, "URL-encoded JSON")

	require.Len(t, c.chat(`{"fansKe":"wxid_a","pageSize":100}`), 8, "of every account")
	require.Equal(t, lines[2:4], c.chat(`{"wechatId":135389,"fansKe":"wxid_a","pageIndex":2,"pageSize":2}`))
	require.Equal(t, lines, c.chat(`{"wechatKey":"shop_135389","fansKe":"wxid_a","pageSize":100}`))
	require.Empty(t, c.chat(fmt.Sprintf(`{"fansKe":"wxid_a","startTimestamp":%d}`, now.Unix()+1000)))
	require.Empty(t, c.chat(`{"fansKe":"wxid_c"}`))
	require.Equal(t, 200008, c.send(http.MethodPost, "/v2/ChatMess/GetChat", `{"wechatId":135389}`).Code)
}

// What the journal holds comes back, todos and registrations included.
func TestWorldComesBack(t *testing.T) {
	config := Config{Journal: filepath.Join(t.TempDir(), "journal"), Seed: 4}
	c := open(t, config)
	fan := c.box.people.fan(1)
	var number int
	c.post("/v2/Todo/AddRecordNew", todo("first", fan.wxid, ""), &number)
	c.post("/v2/Todo/AddRecordNew", todo("second", fan.wxid, "005"), &number)
	_, err := c.box.FinishTodo(2)
	require.NoError(t, err)
	var saved json.RawMessage
	c.post("/v2/BulkSend/SaveBulkSendTask", `{"task_content":"[]"}`, &saved)
	c.post("/v2/Public/subscribeEvent", `{"url":"https://example.com/hook","messageTypes":["chat"]}`, &saved)
	_, err = c.box.Reply("135389", fan.wxid, "hello")
	require.NoError(t, err)
	require.True(t, c.call("doSendPublicMes", text("135389", fan.wxid, "hi")).Succeed)
	chat := c.chat(fmt.Sprintf(`{"fansKe":%q}`, fan.wxid))
	require.Len(t, chat, 2)
	todos, sends, callbacks := c.box.Todos(), c.box.BulkSends(), c.box.Callbacks()
	require.NoError(t, c.box.Close())

	again := open(t, config)
	requireSameJSON(t, todos, again.box.Todos())
	requireSameJSON(t, sends, again.box.BulkSends())
	requireSameJSON(t, callbacks, again.box.Callbacks())
	require.Equal(t, chat, again.chat(fmt.Sprintf(`{"fansKe":%q}`, fan.wxid)))
	require.Equal(t, "005", again.everybody(fmt.Sprintf(`"fansKe":%q,`, fan.wxid), 5)[0].Staff)
	require.NoError(t, again.box.Reset())
	require.Empty(t, again.box.Todos())
	require.Empty(t, again.box.Callbacks())
}

// Every operation can be made to fail.
func TestFaultsOfEveryOperation(t *testing.T) {
	requests := goodRequests()
	var faults []Fault
	for name := range requests {
		faults = append(faults, Fault{Operation: name, Kind: KindCode, Code: 200011, First: 1})
	}
	c := open(t, Config{Faults: faults})
	token := c.v1Token()
	for _, o := range c.box.operations {
		body, known := requests[o.name]
		if !known || o.version == 1 {
			continue
		}
		require.Equal(t, 200011, c.send(o.method, o.path, body).Code, o.name)
		require.True(t, c.send(o.method, o.path, body).Succeed, o.name)
	}
	require.Equal(t, 200011, c.signed(token, http.MethodGet, "/WeCaht", "").Code)
	require.True(t, c.signed(token, http.MethodGet, "/WeCaht", "").Succeed)
	require.NoError(t, c.box.SetFaults([]Fault{{Operation: "*", Kind: KindExpire, First: 1}}))
	require.Equal(t, 10003, c.signed(token, http.MethodGet, "/WeCaht", "").Code, "tokens of both versions expire")
}

// Whatever a request of any operation holds, the answer is an envelope, and its code is one of the table.
func FuzzOperations(f *testing.F) {
	box, err := New(Config{Fans: 50})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, box.Close()) })
	token := box.tokens.issue()
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(box.operations)) {
		if o := box.operations[path]; o.version == 2 && o.name != tokenOperation {
			f.Add(len(paths), goodRequests()[o.name])
			paths = append(paths, path)
		}
	}
	f.Add(0, `{"pageIndex":1e300,"pageSize":-1,"Recipient":[{},null,1],"messageTypes":7,"time":"x"}`)
	f.Fuzz(func(t *testing.T, which int, body string) {
		path := paths[max(which, -which-1)%len(paths)]
		request := httptest.NewRequest(box.operations[path].method, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		box.ServeHTTP(w, request)
		var a answer
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, []int{20000, 200008, 200009, 200010, 200011, 200012, 200015, 200018, 200019}, a.Code)
		require.Equal(t, a.Code == 20000, a.Succeed)
	})
}
