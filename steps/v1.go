package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// Version 1 of the API: signed, and read by query.

func v1Accounts(Config) listing {
	return listing{marks: []string{"ad_wechat_id"}, operation: operation{
		name: "v1.accounts", id: youmi.OperationV1WeCaht,
		summary: "The operating accounts (运营号配置) by version 1, row by row.",
		params:  []param{choiceParam("account_type", "ad_wechat_lei", "personal WeChat (个微) or WeCom (企微); the platform's default is personal", accountKinds()...)},
		outputs: []workflows.Field{rowsField("the accounts, for a foreach; their columns are the platform's own names, such as ad_wechat_id and ad_wechat_nick")},
		example: `uses: v1.accounts
with:
  account_type: personal
`,
	}}
}

// v1FriendFilters are the parameters of `friend` (doc-3385677). Sorting by the relation's number keeps the pages in step while
// customers are added.
func v1FriendFilters(config Config) []param {
	return []param{
		accountParam("Wechat_id", "only this operating account (运营号ID)"),
		keyParam("account_wechat", "Wechat_No", "the WeChat id to look up (微信号)"),
		clockParam(config, "added_since", "StartTime", "added from then on (添加时间)", dayStart),
		clockParam(config, "added_until", "EndTime", "added until then", dayEnd),
		sinceParam(config, "bound_since", "ad_bind_Stime", "bound to staff from then on (绑定时间)"),
		untilParam(config, "bound_until", "ad_bind_Etime", "bound to staff until then"),
		sinceParam(config, "chatted_since", "ad_updatechatting_Stime", "last chat from then on (最后聊天时间)"),
		untilParam(config, "chatted_until", "ad_updatechatting_Etime", "last chat until then"),
		keyParam("staff", "ad_staff_code", "only customers of this staff number (员工号)"),
		sinceParam(config, "changed_since", "ad_relation_expand3", "changed after then"),
		choiceParam("kind", "ad_relation_isflock", "friends or group chats (群); the platform's default is all", option{"all", -1}, option{"friend", 0}, option{"group", 1},
			option{"wecom_friend", 2}, option{"wecom_group", 3}),
		choiceParam("state", "ad_relation_state", "the platform's default is valid: those one can chat with", option{"all", -1}, option{"valid", 0}, option{"deleted_by_us", 1},
			option{"deleted_by_them", 4}, option{"blocked_by_us", 5}, option{"blocked_by_them", 6}),
		choiceParam("account_type", "ad_wechat_lei", "personal WeChat (个微) or WeCom (企微)", accountKinds()...),
		choiceParam("order_by", "order_by_key", "what rows are sorted by; default added, the number of the relation", option{"added", "ad_relation_id"},
			option{"last_chat", "ad_updatechatting_time"}).or("ad_relation_id"),
		choiceParam("order", "order_by_model", "the direction; default asc", option{"asc", "asc"}, option{"desc", "desc"}).or("asc"),
	}
}

// friendMarks tell a customer from a list of them: the one example of `friend` (doc-3385677) shows a bare object.
func friendMarks() []string { return []string{"ad_friend_id", "ad_friend_wenober"} }

func v1Friends(config Config) listing {
	return listing{marks: friendMarks(), operation: operation{
		name: "v1.friends", id: youmi.OperationV1Friend,
		summary: "The customers (读取好友) by version 1, row by row, as the platform describes them.",
		params:  v1FriendFilters(config), account: "account",
		outputs: []workflows.Field{rowsField("the customers, for a foreach; their columns are the platform's own names, such as ad_friend_wenober and username")},
		example: `uses: v1.friends
with:
  account: 135389
`,
	}}
}

// v1AddFriend is a message: it greets a person. PcKid has to be unique, which may protect from a second request, but no page
// says so.
func v1AddFriend(Config) operation {
	return operation{
		name: "v1.add_friend", id: youmi.OperationV1AddFriend, effect: workflows.EffectMessage,
		summary: "Asks somebody to become a friend (添加好友), by version 1.",
		params: []param{
			namedParam("account", "ReceiVerId", "the operating account that asks, by WeChat id (微信号)"),
			namedParam("friend", "Wechat_Moble", "whom to ask: a phone number, a WeChat id, a QQ number"),
			needed(textParam("greeting", "GreeTing", "what it says (打招呼语)", maxShort).must()),
			namedParam("id", "PcKid", "a number of one's own for this request, which must be unique"),
			omitEmpty(keyParam("staff", "sffcode", "for whom, by staff number (员工号); without one the request is queued")),
		},
		account: "account", friend: "friend",
		example: `uses: v1.add_friend
with:
  account: agsoft
  friend: "13800000000"
  greeting: 您好，我是友米顾问
  id: d11-0001
  staff: "001"
`,
	}
}
