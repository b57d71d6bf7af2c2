package sandbox

import (
	"hash/fnv"
	"strconv"
	"time"
)

func (s *Sandbox) getDepartList(call) result {
	var rows []map[string]any
	for _, d := range s.people.departs() {
		rows = append(rows, map[string]any{"departid": d.id, "departname": d.name})
	}
	return result{values: rows}
}

// getDepartGroupList answers -1 with the groups of every department (api-84469355). The fields are chosen after those
// of GetDepartList.
func (s *Sandbox) getDepartGroupList(c call) result {
	depart := int(c.whole(-1, "departId"))
	rows := []map[string]any{}
	for _, g := range s.people.groups() {
		if depart == -1 || g.depart == depart {
			rows = append(rows, map[string]any{"departgroupid": g.id, "departgroupname": g.name, "departid": g.depart})
		}
	}
	return result{values: rows}
}

// getStaffList takes -1 for all, and staffState 1 for disabled staff too (api-84469503). It also answers
// GetAllStaffList, which names no department.
func (s *Sandbox) getStaffList(c call) result {
	rows := []map[string]any{}
	for _, one := range s.selectStaff(c) {
		rows = append(rows, s.showStaff(one))
	}
	return result{values: rows}
}

// selectStaff reads the filters of every operation about staff.
func (s *Sandbox) selectStaff(c call) []staff {
	depart, group := int(c.whole(-1, "departId", "ad_departid")), int(c.whole(-1, "departGroupId", "ad_departgroupid"))
	code := c.word("staffCode", "ad_staff_code")
	disabled := c.word("staffState") == "1" || c.word("staffState") == "true"
	var found []staff
	for _, one := range s.people.staff {
		if (depart == -1 || one.depart == depart) && (group == -1 || one.group == group) && (code == "" || one.code == code) && (disabled || one.active) {
			found = append(found, one)
		}
	}
	return found
}

func (s *Sandbox) showStaff(one staff) map[string]any {
	depart, group := s.people.names(one)
	state := 0
	if !one.active {
		state = 1
	}
	return map[string]any{
		"ad_staff_code": one.code, "ad_staff_name": one.name, "staffState": state, "departid": one.depart, "departname": depart,
		"departgroupid": one.group, "departgroupname": group,
	}
}

func (p *population) names(one staff) (depart, group string) {
	for _, d := range p.departs() {
		if d.id == one.depart {
			depart = d.name
		}
	}
	for _, g := range p.groups() {
		if g.id == one.group {
			group = g.name
		}
	}
	return depart, group
}

// getDataByStaffCustomer counts by department, group or staff (show 1, 2, 3). Its columns but for the sort fields are
// chosen: the page's answer was not seen.
func (s *Sandbox) getDataByStaffCustomer(c call) result {
	type line struct {
		depart, group, code, name  string
		fans, chats, sent, replied int
	}
	show := c.whole(3, "show")
	var lines []*line
	at := map[string]*line{}
	for _, one := range s.selectStaff(c) {
		depart, group := s.people.names(one)
		l := line{depart: depart}
		key := depart
		if show >= 2 {
			l.group, key = group, depart+"/"+group
		}
		if show >= 3 {
			l.code, l.name, key = one.code, one.name, one.code
		}
		if at[key] == nil {
			at[key] = &l
			lines = append(lines, &l)
		}
		work := s.work(one.code, c.word("startDate"), c.word("endDate"))
		at[key].fans += 20 + work%180
		at[key].chats += 5 + work%60
		at[key].sent += 40 + work%400
		at[key].replied += 30 + work%300
	}
	sortReport(c, lines, func(l *line) string {
		switch c.word("orderKey") {
		case "depart_name":
			return l.depart
		case "depart_group_name":
			return l.group
		}
		return l.name
	})
	return paged(c, lines, func(l *line) map[string]any {
		return map[string]any{
			"depart_name": l.depart, "depart_group_name": l.group, "ad_staff_code": l.code, "ad_staff_name": l.name,
			"customer_count": l.fans, "chat_count": l.chats, "send_count": l.sent, "receive_count": l.replied,
		}
	})
}

// work is what somebody did in a span of time: the same whenever it is asked.
func (s *Sandbox) work(parts ...string) int {
	hash := fnv.New32a()
	for _, part := range append(parts, strconv.FormatUint(s.people.seed, 10)) {
		_, _ = hash.Write([]byte(part + "\x00")) // never fails
	}
	return int(hash.Sum32() >> 1)
}

// getActivationListByStaff counts the conversations that ActivationConversation activated on that day.
func (s *Sandbox) getActivationListByStaff(c call) result {
	day := c.whole(0, "time")
	channel := c.whole(0, "wechat_lei")
	rows := []map[string]any{}
	for _, one := range s.selectStaff(c) {
		depart, group := s.people.names(one)
		n := s.world.activations(func(a activation) bool {
			at := a.At.Unix()
			return a.Staff == one.code && at >= day && at < day+int64(24*time.Hour/time.Second) && int64(a.Channel) == channel
		})
		rows = append(rows, map[string]any{
			"ad_staff_code": one.code, "ad_staff_name": one.name, "depart_name": depart, "depart_group_name": group, "count": n,
		})
	}
	return result{values: rows}
}
