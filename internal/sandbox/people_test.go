package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type row struct {
	ID      int    `json:"ad_friend_id"`
	WXID    string `json:"ad_friend_wenober"`
	Name    string `json:"username"`
	Account int    `json:"ad_wechat_id"`
	Channel int    `json:"ad_wechat_lei"`
	State   int    `json:"ad_relation_state"`
	Staff   string `json:"ad_staff_code"`
	Added   int64  `json:"ad_relation_addtime"`
	Chatted int64  `json:"ad_updatechatting_time"`
}

const fansPath = "/v2/Friend/GetFans"

// everybody pages through a list.
func (c *client) everybody(filter string, size int) []row {
	c.t.Helper()
	var all []row
	for number := 1; ; number++ {
		var rows []row
		c.post(fansPath+"List", fmt.Sprintf(`{%s"pageIndex":%d,"pageSize":%d}`, filter, number, size), &rows)
		all = append(all, rows...)
		if len(rows) < size {
			return all
		}
	}
}

func (c *client) count(filter string) int {
	c.t.Helper()
	var n int
	if !strings.Contains(filter, "fansKe") {
		filter += `"fansKe":"",`
	}
	c.post(fansPath+"Count", "{"+strings.TrimSuffix(filter, ",")+"}", &n)
	return n
}

func TestFansArePagedThroughOnce(t *testing.T) {
	c := open(t, Config{Fans: 237})
	all := c.everybody("", 50)
	require.Len(t, all, 237)
	seen := map[string]bool{}
	for _, one := range all {
		require.False(t, seen[one.WXID], one.WXID)
		seen[one.WXID] = true
	}
	require.Equal(t, all, c.everybody("", 7), "whatever the size of a page")
	require.Equal(t, 237, c.count(""))
	// The accounts' fans are everybody's, without overlap.
	total := 0
	for account := 135380; account <= 135399; account++ {
		filter := fmt.Sprintf(`"wechatId":%d,`, account)
		fans := c.everybody(filter, 5)
		require.Len(t, fans, c.count(filter))
		for _, one := range fans {
			require.Equal(t, account, one.Account)
		}
		total += len(fans)
	}
	require.Equal(t, 237, total)
	require.Empty(t, c.everybody(`"wechatId":1,`, 5), "an account that does not exist has none")
}

func TestFanFilters(t *testing.T) {
	c := open(t, Config{Fans: 400})
	all := c.everybody("", 400)
	require.Greater(t, len(all), 399)
	middle := all[200]
	for filter, keep := range map[string]func(row) bool{
		fmt.Sprintf(`"fansKe":%q,`, middle.WXID):                      func(r row) bool { return r == middle },
		`"fansKe":"wxid_nobody",`:                                     func(row) bool { return false },
		fmt.Sprintf(`"fansName":%q,`, "王"):                            nil,
		`"staffCode":"003",`:                                          func(r row) bool { return r.Staff == "003" },
		`"wechatType":3,`:                                             func(r row) bool { return r.Channel == 3 },
		`"relationState":4,`:                                          func(r row) bool { return r.State == 4 },
		fmt.Sprintf(`"addStartTime":%d,`, middle.Added):               func(r row) bool { return r.Added >= middle.Added },
		fmt.Sprintf(`"addEndTime":%d,`, middle.Added):                 func(r row) bool { return r.Added <= middle.Added },
		fmt.Sprintf(`"lastChatStartTime":%d,`, middle.Chatted):        func(r row) bool { return r.Chatted >= middle.Chatted },
		fmt.Sprintf(`"minUpdateTime":%d,`, middle.Chatted):            func(r row) bool { return r.Chatted >= middle.Chatted },
		fmt.Sprintf(`"wechatId":%d,"staffCode":"003",`, 135381):       func(r row) bool { return r.Account == 135381 && r.Staff == "003" },
		`"wechatId":0,"fansName":"","addStartTime":0,"staffCode":"",`: func(row) bool { return true },
	} {
		got := c.everybody(filter, 30)
		require.Len(t, got, c.count(filter), filter)
		if keep == nil {
			require.NotEmpty(t, got)
			for _, one := range got {
				require.Contains(t, one.Name, "王")
			}
			continue
		}
		want := slices.DeleteFunc(slices.Clone(all), func(r row) bool { return !keep(r) })
		require.ElementsMatch(t, want, got, filter)
	}
}

func TestPeopleAreTheSameEveryTime(t *testing.T) {
	first, again, other := open(t, Config{Seed: 7}), open(t, Config{Seed: 7, Fans: 2000}), open(t, Config{Seed: 8})
	require.Equal(t, first.everybody("", 1000), again.everybody("", 1000)[:1000], "more fans change nobody")
	require.NotEqual(t, first.everybody("", 1000), other.everybody("", 1000))
	unseeded, err := New(Config{})
	require.NoError(t, err)
	later, err := New(Config{})
	require.NoError(t, err)
	require.Equal(t, unseeded.people.fan(5), later.people.fan(5), "a sandbox that is started again without a seed")
}

// A hundred thousand fans are no store: only what a page shows is made.
func TestManyFansAreMadeWhenAsked(t *testing.T) {
	c := open(t, Config{Fans: MaxFans})
	require.Equal(t, MaxFans, c.count(""))
	var rows []row
	c.post(fansPath+"List", `{"pageIndex":1000,"pageSize":100}`, &rows)
	require.Len(t, rows, 100)
	require.Equal(t, 1_150_000+MaxFans-1, rows[99].ID)
	c.post(fansPath+"List", `{"pageIndex":1001,"pageSize":100}`, &rows)
	require.Empty(t, rows)
	require.InDelta(t, MaxFans/20, c.count(`"wechatId":135389,`), 1)
	require.Positive(t, c.count(`"wechatId":135389,"staffCode":"003",`))
	_, err := New(Config{Fans: MaxFans + 1})
	require.ErrorContains(t, err, "Fans")
	for range 3 * maxSelections {
		c.count(fmt.Sprintf(`"wechatId":135389,"addStartTime":%d,`, c.box.requests.Load()))
	}
	require.LessOrEqual(t, len(c.box.selections.known), maxSelections)
}

// Every fan is found again by the id, and nobody else is.
func TestFansAreFoundByID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPopulation(rapid.Uint64().Draw(t, "seed"), MaxFans, nil)
		index := rapid.IntRange(0, MaxFans-1).Draw(t, "index")
		f := p.fan(index)
		found, ok := p.findFan(f.wxid)
		require.True(t, ok)
		require.Equal(t, f, found)
		_, ok = p.findFan(rapid.String().Draw(t, "other"))
		require.False(t, ok)
	})
}

func TestPageBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 500).Draw(t, "count")
		size := rapid.IntRange(1, 100).Draw(t, "size")
		next := 0
		for number := 1; ; number++ {
			from, to := page{number, size}.bounds(count)
			require.Equal(t, next, from)
			require.LessOrEqual(t, to-from, size)
			if next = to; to-from < size {
				break
			}
		}
		require.Equal(t, count, next)
		from, to := page{1 << 60, maxPage}.bounds(count)
		require.Equal(t, from, to)
	})
	c := open(t, Config{})
	for _, body := range []string{`{"pageIndex":1,"pageSize":5001}`, `{"pageIndex":-1}`, `{"pageIndex":1,"pageSize":-1}`} {
		require.Equal(t, 200012, c.send(http.MethodPost, fansPath+"List", body).Code, body)
	}
}

func TestOrganisation(t *testing.T) {
	c := open(t, Config{})
	a := c.send(http.MethodGet, "/v2/System/GetDepartList", "")
	require.JSONEq(t, `[{"departid":1,"departname":"销售部"},{"departid":2,"departname":"客服部"},{"departid":3,"departname":"市场部"}]`, string(a.Values))
	type person struct {
		Code  string `json:"ad_staff_code"`
		Group int    `json:"departgroupid"`
		State int    `json:"staffState"`
	}
	var groups []struct {
		ID     int `json:"departgroupid"`
		Depart int `json:"departid"`
	}
	c.post("/v2/System/GetDepartGroupList", `{"departId":-1}`, &groups)
	require.Len(t, groups, 6)
	seen := 0
	for _, g := range groups {
		var people, active []person
		c.post("/v2/System/GetStaffList", fmt.Sprintf(`{"departId":%d,"departGroupId":%d,"staffState":1}`, g.Depart, g.ID), &people)
		c.post("/v2/System/GetStaffList", fmt.Sprintf(`{"departId":%d,"departGroupId":%d,"staffState":0}`, g.Depart, g.ID), &active)
		seen += len(people)
		require.NotContains(t, active, person{State: 1})
		for _, one := range people {
			require.Equal(t, g.ID, one.Group)
			require.Equal(t, one.State == 0, slices.Contains(active, one))
		}
	}
	require.Equal(t, 24, seen, "everybody is in one group")
	c.post("/v2/System/GetDepartGroupList", `{"departId":2}`, &groups)
	require.Len(t, groups, 2)
	var all []person
	c.post("/v2/System/GetAllStaffList", `{"staffState":1}`, &all)
	require.Len(t, all, 24)
}

func TestReports(t *testing.T) {
	c := open(t, Config{})
	type line struct {
		Staff  string `json:"ad_staff_name"`
		Depart string `json:"depart_name"`
		Fans   int    `json:"customer_count"`
	}
	report := func(show int, order string) (lines []line) {
		c.post("/v2/Report/GetDataByStaffCustomer", fmt.Sprintf(`{"orderKey":"depart_name","orderType":%q,"show":%d,"staffState":true,"pageSize":100}`, order, show), &lines)
		return lines
	}
	require.Len(t, report(1, "asc"), 3)
	require.Len(t, report(2, "asc"), 6)
	require.Len(t, report(3, "asc"), 24)
	sum := func(lines []line) (n int) {
		for _, l := range lines {
			n += l.Fans
		}
		return n
	}
	require.Equal(t, sum(report(1, "asc")), sum(report(3, "asc")), "a department's figure is that of its staff")
	up, down := report(1, "asc"), report(1, "desc")
	slices.Reverse(down)
	require.Equal(t, up, down)

	day := c.box.config.Clock().Unix() / 86400 * 86400
	activate := `{"ad_friend_wenober":"wxid_a","ad_wechat_id":135380,"staff_code":"002","enforceAttribution":0,"content":"x"}`
	for range 2 {
		require.True(t, c.send(http.MethodPost, "/v2/ChatMess/ActivationConversation", activate).Succeed)
	}
	var counts []struct {
		Staff string `json:"ad_staff_code"`
		Count int    `json:"count"`
	}
	c.post("/v2/Report/GetActivationListByStaff", fmt.Sprintf(`{"time":%d,"wechat_lei":0,"ad_staff_code":"002","ad_departid":"-1"}`, day), &counts)
	require.Len(t, counts, 1)
	require.Equal(t, 2, counts[0].Count)
	c.post("/v2/Report/GetActivationListByStaff", fmt.Sprintf(`{"time":%d,"wechat_lei":0,"ad_staff_code":"002","ad_departid":"-1"}`, day-86400), &counts)
	require.Zero(t, counts[0].Count)
	require.Equal(t, 200015, c.send(http.MethodPost, "/v2/ChatMess/ActivationConversation", `{"enforceAttribution":0,"content":"x"}`).Code)
}

func TestAds(t *testing.T) {
	c := open(t, Config{})
	type ad struct {
		Code  string  `json:"code"`
		Costs float64 `json:"costs"`
		State int     `json:"state"`
	}
	list := func(filter string) (ads []ad) {
		var n int
		c.post("/v2/AdManage/GetAdList", `{`+filter+`"name":"","pageIndex":1,"pageSize":100}`, &ads)
		c.post("/v2/AdManage/GetAdCount", `{`+filter+`"name":""}`, &n)
		require.Len(t, ads, n)
		return ads
	}
	all := list("")
	require.Len(t, all, 24)
	require.Len(t, list(`"code":"AD003",`), 1)
	require.Len(t, all, len(list(`"state":0,`))+len(list(`"state":1,`)))
	for _, one := range list(`"minCosts":1000,"maxCosts":2000,`) {
		require.True(t, one.Costs > 1000 && one.Costs < 2000, one)
	}
}

func TestVoiceCalls(t *testing.T) {
	c := open(t, Config{Fans: 100})
	total := 0
	for _, fan := range c.everybody("", 100) {
		body := func(staff string) string {
			return fmt.Sprintf(`{"ad_staff_code":%q,"msg_type":"voip_voice","wechat_lei":"-1","wechat_id":"%d","fans_key":%q,"PageIndex":1,"PageSize":20}`, staff, fan.Account, fan.WXID)
		}
		var calls []struct {
			Fan string `json:"fans_key"`
		}
		c.post("/v2/MeetingCall/GetMeetingVoiceCall", body(fan.Staff), &calls)
		for _, one := range calls {
			require.Equal(t, fan.WXID, one.Fan)
		}
		total += len(calls)
		c.post("/v2/MeetingCall/GetMeetingVoiceCall", body("999"), &calls)
		require.Empty(t, calls, "of other staff")
	}
	require.Positive(t, total)
}

func TestV1Friends(t *testing.T) {
	c := open(t, Config{Fans: 300})
	token := c.v1Token()
	friends := func(values url.Values) (rows []row) {
		a := c.signed(token, http.MethodGet, query("/friend", values), "")
		require.True(t, a.Succeed, a.description())
		requireJSON(t, a.Values, &rows)
		return rows
	}
	require.Len(t, friends(nil), 20, "the first 20, as the page says")
	valid := friends(url.Values{"PageSize": {"300"}})
	require.Less(t, len(valid), 300)
	for _, one := range valid {
		require.Zero(t, one.State, "those one can chat with, unless asked otherwise")
	}
	all := friends(url.Values{"PageSize": {"300"}, "ad_relation_state": {"-1"}})
	require.Len(t, all, 300)
	newest := friends(url.Values{"PageSize": {"300"}, "ad_relation_state": {"-1"}, "order_by_key": {"ad_updatechatting_time"}, "order_by_model": {"desc"}})
	require.True(t, slices.IsSortedFunc(newest, func(a, b row) int { return int(b.Chatted - a.Chatted) }))
	require.ElementsMatch(t, all, newest)
	last := friends(url.Values{"PageSize": {"1"}, "ad_relation_state": {"-1"}, "order_by_key": {"ad_relation_id"}, "order_by_model": {"desc"}})
	require.Equal(t, all[299], last[0])
	require.Len(t, friends(url.Values{"Wechat_id": {"135389"}, "PageSize": {"300"}, "ad_relation_state": {"-1"}}), 15)
	require.Empty(t, friends(url.Values{"ad_relation_isflock": {"1"}}), "there are no groups")
	for _, one := range friends(url.Values{"ad_wechat_lei": {"3"}, "PageSize": {"300"}}) {
		require.Equal(t, 3, one.Channel)
	}
	require.Equal(t, 200012, c.signed(token, http.MethodGet, "/friend?Colour=red", "").Code)
	require.Equal(t, 200012, c.signed(token, http.MethodGet, "/friend?Page=one", "").Code)

	bare := open(t, Config{Fans: 300, V1BareObject: true})
	one := bare.signed(bare.v1Token(), http.MethodGet, query("/friend", url.Values{"Wechat_No": {all[0].WXID}, "ad_relation_state": {"-1"}}), "")
	require.Equal(t, byte('{'), one.Values[0], "the oddity of the example")
	var object row
	requireJSON(t, one.Values, &object)
	require.Equal(t, strconv.Itoa(all[0].Account), strconv.Itoa(object.Account))
}
