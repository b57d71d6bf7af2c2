package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// advert is an advertisement (广告).
type advert struct {
	code, name string
	costs      float64
	from, to   time.Time
	state      int // 0 offline, 1 online
	built      int // 0 self-built, 1 from 企客宝
}

// adverts are those of the world, the same each time.
func (p *population) adverts() []advert {
	var list []advert
	for index := range 24 {
		r := p.random("ad", index)
		from := epoch().AddDate(0, index, r.IntN(20))
		list = append(list, advert{
			code: fmt.Sprintf("AD%03d", index+1), name: pick(r, "朋友圈", "公众号", "抖音", "小红书") + pick(r, "双11", "会员日", "新品", "老客回访") + fmt.Sprintf("%02d", index+1),
			costs: float64(r.IntN(500_000)) / 100, from: from, to: from.AddDate(0, 1, 0), state: r.IntN(2), built: r.IntN(2),
		})
	}
	return list
}

// selectAds honours the filters of api-104808957: cost greater and less than, -1 for all states and kinds. Which of an
// advertisement's times the time filter is about was not seen: here it is its start.
func (s *Sandbox) selectAds(c call) []advert {
	code, name := c.word("code"), c.word("name")
	least, most := c.whole(0, "minCosts"), c.whole(0, "maxCosts")
	when := c.window("startTime", "endTime")
	state, built := c.whole(-1, "state"), c.whole(-1, "buildType")
	return slices.DeleteFunc(s.people.adverts(), func(a advert) bool {
		return code != "" && code != a.code || !strings.Contains(a.name, name) || least != 0 && a.costs <= float64(least) ||
			most != 0 && a.costs >= float64(most) || !when.holds(a.from.Unix()) || state != -1 && state != int64(a.state) || built != -1 && built != int64(a.built)
	})
}

func (s *Sandbox) getAdList(c call) result {
	return paged(c, s.selectAds(c), func(a advert) map[string]any {
		return map[string]any{
			"code": a.code, "name": a.name, "costs": a.costs, "startTime": written(a.from), "endTime": written(a.to), "state": a.state, "buildType": a.built,
		}
	})
}

func (s *Sandbox) getAdCount(c call) result { return result{values: len(s.selectAds(c))} }

// saveBulkSendTask keeps the task and sends nothing: to whom it goes was not seen on any page.
func (s *Sandbox) saveBulkSendTask(c call) result {
	saved, err := s.world.addBulk(BulkSend{At: c.at, Body: c.body})
	if err != nil {
		return failure(err)
	}
	return result{values: map[string]int{"ad_bulk_send_id": saved.ID}}
}

// deleteBulkSendTask answers with a null requestId, as the one recorded answer of version 2 does (api-246344473).
func (s *Sandbox) deleteBulkSendTask(c call) result {
	id := int(c.whole(0, "ad_bulk_send_id"))
	ok, err := s.world.deleteBulk(id)
	if err != nil {
		return failure(err)
	}
	if !ok && s.config.RefuseIdleEnd {
		return refuse(codeFailed, fmt.Sprintf("there is no bulk send %d to delete", id))
	}
	return result{values: true, anonymous: true}
}

// BulkSends are the bulk sends that were saved, oldest first, the deleted ones too.
func (s *Sandbox) BulkSends() []BulkSend { return s.world.bulkSends() }

// voiceCall is one recording of the audio archive.
type voiceCall struct {
	from, to time.Time
	url      string
}

// getMeetingVoiceCall answers with the recordings of one fan: those whose operating account and owner are the ones
// asked for. The filters with a fuzzy match are honoured as such (api-308368716).
func (s *Sandbox) getMeetingVoiceCall(c call) result {
	f, ok := s.people.findFan(c.word("fans_key"))
	channel := c.whole(-1, "wechat_lei")
	ok = ok && c.word("wechat_id") == fmt.Sprint(f.account.id) && c.word("ad_staff_code") == s.owner(f) &&
		strings.Contains(f.account.alias, c.word("ad_wechat_nober")) && strings.Contains(f.account.nick, c.word("ad_wechat_nick")) &&
		(channel == -1 || int(channel) == f.account.channel)
	var calls []voiceCall
	if ok {
		calls = s.people.calls(f, c.window("startDate", "endDate"), c.text("msg_type"))
	}
	return paged(c, calls, func(v voiceCall) map[string]any {
		return map[string]any{
			"startDate": written(v.from), "endDate": written(v.to), "ad_wechat_nober": f.account.alias, "ad_wechat_nick": f.account.nick,
			"ad_staff_code": s.owner(f), "fans_key": f.wxid, "msg_type": c.text("msg_type"), "url": v.url,
		}
	})
}

// calls are the recordings of a fan: a few, some fans have none.
func (p *population) calls(f fan, when window, kind string) []voiceCall {
	r := p.random("call"+kind, f.index)
	var list []voiceCall
	for n := range r.IntN(5) {
		from := time.Unix(f.added, 0).Add(time.Duration(n)*36*time.Hour + time.Duration(r.IntN(8*3600))*time.Second)
		if v := (voiceCall{from, from.Add(time.Duration(20+r.IntN(900)) * time.Second), fmt.Sprintf("https://media.example/%s/%d-%d.mp3", kind, f.id, n+1)}); when.holds(from.Unix()) {
			list = append(list, v)
		}
	}
	return list
}
