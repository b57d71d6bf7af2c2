package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func reportStaffService(config Config) listing {
	return listing{operation: operation{
		name: "report.staff_service", id: youmi.OperationGetDataByStaffCustomer,
		summary: "Statistics of the staff's service (获取员工客服统计), row by row.",
		params: []param{
			clockParam(config, "since", "startDate", "from when", dayStart),
			clockParam(config, "until", "endDate", "until when; a date means the end of that day", dayEnd),
			choiceParam("level", "show", "what a row is about; default staff", option{"department", 1}, option{"group", 2}, option{"staff", 3}).or(3),
			keyParam("staff", "staffCode", "only this staff number (员工号)"),
			wholeParam("department", "departId", "only this department (部门); the platform's default is -1, all"),
			wholeParam("group", "departGroupId", "only this group (组); the platform's default is -1, all"),
			boolParam("include_disabled", "staffState", "whether disabled staff count too; default false").or(false),
			choiceParam("order_by", "orderKey", "what rows are sorted by; the platform's default is staff_name", option{"staff_name", "ad_staff_name"},
				option{"department_name", "depart_name"}, option{"group_name", "depart_group_name"}),
			choiceParam("order", "orderType", "the direction; default desc", option{"desc", "desc"}, option{"asc", "asc"}).or("desc"),
			wholeParam("account_type", "wechatLei", "a number that the vendor's page does not explain; elsewhere 0 is personal WeChat and 3 WeCom"),
			wholeParam("group_chats", "relationIsFlock", "a number that the vendor's page does not explain; elsewhere -1 is all, 0 friends and 1 group chats"),
			wholeParam("search_data", "searchData", "a number that the vendor's page shows as 0 and does not explain"),
		},
		outputs: []workflows.Field{rowsField("the rows, for a foreach; their columns are the platform's own names")},
		example: `uses: report.staff_service
with:
  since: 2024-01-01
  until: 2024-01-31
`,
	}}
}

func reportActivations(config Config) operation {
	return operation{
		name: "report.activations", id: youmi.OperationGetActivationListByStaff, effect: workflows.EffectRead,
		summary: "How many customers each of the staff activated on a day (获取员工激活客户数统计).",
		params: []param{
			dayParam(config, "day", "time", "the day").must(),
			choiceParam("account_type", "wechat_lei", "personal WeChat (个微) or WeCom (企微)", accountKinds()...),
			keyParam("staff", "ad_staff_code", "only this staff number (员工号)").or(null),
			keyParam("department", "ad_departid", "only this department (部门); default -1, all").or("-1"),
			keyParam("group", "ad_departgroupid", "only this group (组); default -1, all").or("-1"),
		},
		example: `uses: report.activations
with:
  day: 2024-01-01
`,
	}
}
