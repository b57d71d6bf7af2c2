package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// friendFilters are the filters of GetFansCount (api-96372659), which GetFansList is taken to share. That its times are
// Unix seconds is inferred from the rest of the API.
func friendFilters(config Config) []param {
	return []param{
		accountParam("wechatId", "only this operating account (运营号ID)"),
		keyParam("account_key", "wechatKey", "only the operating account of this key (运营机标识)"),
		keyParam("friend", "fansKe", "only the customer of this key (粉丝标识)"),
		textParam("name", "fansName", "only customers of this nickname (粉丝昵称)", maxShort),
		sinceParam(config, "added_since", "addStartTime", "added from then on (添加时间)"),
		untilParam(config, "added_until", "addEndTime", "added until then"),
		sinceParam(config, "bound_since", "bindStartTime", "bound to staff from then on (绑定时间)"),
		untilParam(config, "bound_until", "bindEndTime", "bound to staff until then"),
		sinceParam(config, "chatted_since", "lastChatStartTime", "last chat from then on (最后聊天时间)"),
		untilParam(config, "chatted_until", "lastChatEndTime", "last chat until then"),
		keyParam("staff", "staffCode", "only customers of this staff number (员工号)"),
		sinceParam(config, "changed_since", "minUpdateTime", "changed from then on; the vendor's page does not explain it"),
		wholeParam("relation_type", "relationType", "a number that the vendor's page does not explain"),
		wholeParam("relation_state", "relationState", "a number that the vendor's page does not explain; in v1, -1 is all and 0 can chat"),
		wholeParam("account_type", "wechatType", "a number that the vendor's page does not explain; elsewhere 0 is personal WeChat and 3 WeCom"),
	}
}

func friendList(config Config) listing {
	return listing{operation: operation{
		name: "friend.list", id: youmi.OperationGetFansList,
		summary: "The customers (读取粉丝列表), row by row, as the platform describes them.",
		params:  friendFilters(config), account: "account", friend: "friend",
		outputs: []workflows.Field{rowsField("the customers, for a foreach; their columns are the platform's own names")},
		example: `uses: friend.list
with:
  account: 135389
  chatted_since: 2024-01-01
`,
	}}
}

func friendCount(config Config) operation {
	params := friendFilters(config)
	for i := range params {
		if params[i].APIName == "fansKe" {
			params[i] = params[i].or("") // required by the page, although it reads like a filter
		}
	}
	return operation{
		name: "friend.count", id: youmi.OperationGetFansCount, effect: workflows.EffectRead,
		summary: "How many customers there are (读取粉丝总数).",
		params:  params, account: "account", friend: "friend",
		outputs: []workflows.Field{countField()}, read: counted, assumed: map[string]any{"count": 0},
		example: `uses: friend.count
with:
  account: 135389
`,
	}
}
