package sandbox

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// fanFilter is what GetFansList, GetFansCount and the v1 friend read ask for. Zero fields select all.
type fanFilter struct {
	account                    int // id
	key                        string
	name                       string
	staff                      string
	added, bound, chatted      window
	updated                    int64 // modified after
	channel                    int   // account type + 1; 0: any
	state                      int   // relation state + 1; 0: any
	groups                     bool  // asks for group chats, of which there are none
	byChat, descending, sorted bool
}

// selection is the fans that a filter selects: a regular series, or the ones picked.
type selection struct {
	first, step, n int
	picked         []int32
}

func (s selection) count() int {
	if s.picked != nil {
		return len(s.picked)
	}
	return s.n
}

func (s selection) index(i int) int {
	if s.picked != nil {
		return int(s.picked[i])
	}
	return s.first + i*s.step
}

// maxSelections bounds the selections that are remembered, so that paging through one does not look at every fan for
// every page.
const maxSelections = 16

// selections remembers who was selected.
type selections struct {
	mu    sync.Mutex
	known map[fanFilter]selection
}

func (s *selections) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.known)
}

// selectFans finds the fans of a filter, in the order of their numbers.
func (s *Sandbox) selectFans(f fanFilter) selection {
	plain := fanFilter{account: f.account}
	if f == plain {
		return s.people.series(f.account)
	}
	s.selections.mu.Lock()
	defer s.selections.mu.Unlock()
	if found, ok := s.selections.known[f]; ok {
		return found
	}
	found := s.searchFans(f)
	if s.selections.known == nil || len(s.selections.known) >= maxSelections {
		s.selections.known = map[fanFilter]selection{}
	}
	s.selections.known[f] = found
	return found
}

// series is all fans, or those of one account.
func (p *population) series(account int) selection {
	if account == 0 {
		return selection{step: 1, n: p.fans}
	}
	for first, a := range p.accounts {
		if a.id == account {
			return selection{first: first, step: len(p.accounts), n: max(0, (p.fans-first+len(p.accounts)-1)/len(p.accounts))}
		}
	}
	return selection{}
}

func (s *Sandbox) searchFans(f fanFilter) selection {
	found := selection{picked: []int32{}}
	if f.groups {
		return found
	}
	if f.key != "" {
		if one, ok := s.people.findFan(f.key); ok && (f.account == 0 || f.account == one.account.id) && s.fits(f, one) {
			found.picked = append(found.picked, int32(one.index))
		}
		return found
	}
	var chatted []int64
	all := s.people.series(f.account)
	for i := range all.count() {
		if one := s.people.fan(all.index(i)); s.fits(f, one) {
			found.picked, chatted = append(found.picked, int32(one.index)), append(chatted, one.chatted)
		}
	}
	f.order(found.picked, chatted)
	return found
}

// order sorts as doc-3385677 has it: by relation, which is the fans' own order, or by the last chat.
func (f fanFilter) order(picked []int32, chatted []int64) {
	if f.byChat {
		at := make(map[int32]int64, len(picked))
		for i, index := range picked {
			at[index] = chatted[i]
		}
		slices.SortStableFunc(picked, func(a, b int32) int { return cmp.Compare(at[a], at[b]) })
	}
	if f.descending {
		slices.Reverse(picked)
	}
}

func (s *Sandbox) fits(f fanFilter, one fan) bool {
	return (f.name == "" || strings.Contains(one.name, f.name) || strings.Contains(one.remark, f.name)) &&
		(f.staff == "" || f.staff == s.owner(one)) &&
		f.added.holds(one.added) && f.bound.holds(one.bound) && f.chatted.holds(one.chatted) && one.updated >= f.updated &&
		(f.channel == 0 || f.channel == one.account.channel+1) && (f.state == 0 || f.state == one.state+1)
}

// owner is whose fan it is: as made, or as a todo has changed it since.
func (s *Sandbox) owner(f fan) string {
	if changed, ok := s.world.owner(f.wxid); ok {
		return changed
	}
	return f.staff
}

// fanFilterV2 reads the body of GetFansList and GetFansCount. The meaning of relationType, relationState and wechatType
// was not seen; they are taken as in doc-3385677, with 0 for any.
func (s *Sandbox) fanFilterV2(c call) fanFilter {
	f := fanFilter{
		account: s.accountNumber(c, "wechatId", "wechatKey"), key: c.word("fansKe", "fansKey"), name: c.word("fansName"), staff: c.word("staffCode"),
		added: c.window("addStartTime", "addEndTime"), bound: c.window("bindStartTime", "bindEndTime"),
		chatted: c.window("lastChatStartTime", "lastChatEndTime"), updated: c.whole(0, "minUpdateTime"),
		groups: c.whole(0, "relationType")%2 == 1,
	}
	if channel := c.whole(0, "wechatType"); channel > 0 {
		f.channel = int(channel) + 1
	}
	if state := c.whole(0, "relationState"); state > 0 {
		f.state = int(state) + 1
	}
	return f
}

// accountNumber is the id of the account that one of the fields names; -1 for one that does not exist, 0 for none named.
func (s *Sandbox) accountNumber(c call, names ...string) int {
	text := c.word(names...)
	if text == "" {
		return 0
	}
	if a, ok := s.people.findAccount(text); ok {
		return a.id
	}
	return -1
}

func (s *Sandbox) getFansList(c call) result {
	p, err := c.page()
	if err != nil {
		return failure(err)
	}
	found := s.selectFans(s.fanFilterV2(c))
	from, to := p.bounds(found.count())
	rows := make([]map[string]any, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, s.showFan(s.people.fan(found.index(i))))
	}
	return result{values: rows}
}

func (s *Sandbox) getFansCount(c call) result {
	return result{values: s.selectFans(s.fanFilterV2(c)).count()}
}

// showFan is a fan as v1 spells the fields it shows (doc-3385677); the rest is chosen.
func (s *Sandbox) showFan(f fan) map[string]any {
	tags := f.tags
	if tags == nil {
		tags = []string{}
	}
	return map[string]any{
		"ad_friend_id": f.id, "ad_friend_uwenober": f.alias, "ad_friend_wenober": f.wxid, "username": f.name,
		"avatar": "http://wx.qlogo.example/" + strconv.Itoa(f.id), "ad_relation_id": f.relation, "ad_relation_scene": f.scene,
		"ad_relation_state": f.state, "ad_relation_isflock": 0, "ad_relation_remark": f.remark, "ad_wechat_id": f.account.id,
		"ad_wechat_lei": f.account.channel, "ad_original_nober": f.account.original, "ad_staff_code": s.owner(f),
		"ad_relation_addtime": f.added, "ad_bind_time": f.bound, "ad_updatechatting_time": f.chatted, "labels": tags,
	}
}
