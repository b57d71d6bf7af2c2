package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// MaxFans bounds the fans of a world.
const MaxFans = 100_000

// population is who lives in the world. Everybody is made from the seed when asked for, the same each time, and nobody
// is stored; what becomes of them is the world's.
type population struct {
	seed     uint64
	accounts []account
	staff    []staff
	fans     int
}

// account is an operating account.
type account struct {
	id       int
	alias    string // WeChat id
	original string // original WeChat id
	nick     string
	channel  int // 0 personal WeChat, 3 WeCom
	added    int64
}

// depart and group are where staff belong.
type depart struct {
	id   int
	name string
}

type group struct {
	id     int
	depart int
	name   string
}

type staff struct {
	code   string
	name   string
	depart int
	group  int
	active bool
}

// fan is a customer. Times are Unix seconds.
type fan struct {
	index    int
	id       int
	wxid     string
	alias    string
	name     string
	remark   string
	tags     []string
	account  account
	staff    string // code of the owner; "" when there is none
	scene    int    // how the friend was added
	state    int    // 0 valid, 1 deleted by us, 4 by them, 5 blocked by us, 6 by them (doc-3385677)
	relation int    // ad_relation_id
	added    int64
	bound    int64
	chatted  int64
	updated  int64
}

// newPopulation makes the accounts and the staff; the fans are made one by one.
func newPopulation(seed uint64, fans int, world *World) *population {
	p := &population{seed: seed, fans: fans}
	ids := SmallWorld().Accounts
	if world != nil && len(world.Accounts) > 0 {
		ids = world.Accounts
	}
	for index, text := range ids {
		id, err := strconv.Atoi(text)
		if err != nil {
			id = 1_000_000 + index // the API knows numbers only
		}
		p.accounts = append(p.accounts, p.account(index, id))
	}
	for index := range 4 * len(p.groups()) {
		p.staff = append(p.staff, p.employee(index))
	}
	return p
}

// random is a source of its own for each thing, so that one does not change with the number of others.
func (p *population) random(kind string, index int) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed, uint64(kind[0])<<32|uint64(index)))
}

// epoch is when the world begins, so that it is the same on every day.
func epoch() time.Time { return time.Date(2024, 1, 1, 9, 0, 0, 0, beijing()) }

func (p *population) account(index, id int) account {
	r := p.random("account", index)
	a := account{
		id: id, alias: fmt.Sprintf("shop_%d", id), original: fmt.Sprintf("wxid_shop%d", id),
		nick: fmt.Sprintf("%s%02d号", pick(r, "小美", "小优", "阿宝", "客服", "福利官"), index+1), added: epoch().Unix() - int64(r.IntN(300*86400)),
	}
	if index%5 == 4 {
		a.channel = 3
	}
	return a
}

func (p *population) departs() []depart {
	return []depart{{1, "销售部"}, {2, "客服部"}, {3, "市场部"}}
}

func (p *population) groups() []group {
	return []group{{11, 1, "销售一组"}, {12, 1, "销售二组"}, {21, 2, "售前组"}, {22, 2, "售后组"}, {31, 3, "活动组"}, {32, 3, "社群组"}}
}

func (p *population) employee(index int) staff {
	g := p.groups()[index%len(p.groups())]
	return staff{
		code: fmt.Sprintf("%03d", index+1), name: personName(p.random("staff", index)), depart: g.depart, group: g.id,
		active: index%8 != 7,
	}
}

func (p *population) findStaff(code string) (staff, bool) {
	index, err := strconv.Atoi(code)
	if err != nil || index < 1 || index > len(p.staff) || p.staff[index-1].code != code {
		return staff{}, false
	}
	return p.staff[index-1], true
}

func (p *population) findAccount(text string) (account, bool) {
	for _, a := range p.accounts {
		if text == strconv.Itoa(a.id) || text == a.original || text == a.alias {
			return a, true
		}
	}
	return account{}, false
}

// fan makes the fan of an index, from 0.
func (p *population) fan(index int) fan {
	r := p.random("fan", index)
	a := p.accounts[index%len(p.accounts)]
	f := fan{
		index: index, id: 1_150_000 + index, relation: 5_000_000 + index, wxid: wxid(r, index), name: personName(r), account: a,
		added: epoch().Unix() + int64(r.IntN(600*86400)),
	}
	f.alias = "www_" + strconv.Itoa(7_000_000+index)
	f.scene = pickInt(r, 3, 15, 17, 30, 14, 1, 67, 94)
	if a.channel == 3 {
		f.scene = pickInt(r, 1, 2, 3, 4, 6, 10, 201)
	}
	f.chatted = f.added + int64(r.IntN(100*86400))
	f.updated = f.chatted
	if r.IntN(10) > 0 {
		owner := p.staff[r.IntN(len(p.staff))]
		f.staff, f.bound = owner.code, f.added+int64(r.IntN(86400))
	}
	if r.IntN(20) == 0 {
		f.state = pickInt(r, 1, 4, 5, 6)
	}
	for _, tag := range []string{"VIP", "新客", "复购", "双11", "沉睡"} {
		if r.IntN(4) == 0 {
			f.tags = append(f.tags, tag)
		}
	}
	if r.IntN(3) == 0 {
		f.remark = f.name + pick(r, "（老客户）", " 张江店", "-微信群")
	}
	return f
}

// wxidDigits is how long the part of a fan's id is that tells the index.
const wxidDigits = 4

// wxid ends in the fan's index, so that the fan is found again without looking through all.
func wxid(r *rand.Rand, index int) string {
	head := strconv.FormatUint(r.Uint64()|1<<63, 36)[:10]
	tail := strconv.FormatInt(int64(index), 36)
	return "wxid_" + head + strings.Repeat("0", wxidDigits-len(tail)) + tail
}

// findFan finds a fan by the original WeChat id.
func (p *population) findFan(id string) (fan, bool) {
	if len(id) < wxidDigits {
		return fan{}, false
	}
	index, err := strconv.ParseInt(id[len(id)-wxidDigits:], 36, 32)
	if err != nil || index < 0 || int(index) >= p.fans {
		return fan{}, false
	}
	f := p.fan(int(index))
	return f, f.wxid == id
}

func personName(r *rand.Rand) string {
	surname := pick(r, "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "欧阳", "司马")
	given := pick(r, "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "子涵", "雨桐", "浩然", "欣怡", "梓萱", "一诺")
	switch r.IntN(12) {
	case 0:
		return given + "🌸"
	case 1:
		return pick(r, "Amy", "Leo", "Coco", "Kevin") + " " + surname
	}
	return surname + given
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func pickInt(r *rand.Rand, from ...int) int { return from[r.IntN(len(from))] }
