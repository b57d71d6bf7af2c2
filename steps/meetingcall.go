package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func meetingCallList(config Config) listing {
	return listing{operation: operation{
		name: "meeting_call.list", id: youmi.OperationGetMeetingVoiceCall,
		summary: "The recorded calls with a customer (获取音频存档列表), row by row.",
		params: []param{
			namedParam("staff", "ad_staff_code", "the staff number (员工号)"),
			namedParam("account", "wechat_id", "the operating account (运营号ID)"),
			namedParam("friend", "fans_key", "the customer's original WeChat id (原始微信号)"),
			choiceParam("kind", "msg_type", "the conversation archive (会话存档) or VoIP recordings", option{"archive", "meeting_voice_call"}, option{"voip", "voip_voice"}).must(),
			choiceParam("account_type", "wechat_lei", "what the account is; default all", option{"all", "-1"}, option{"personal", "0"}, option{"wecom", "3"}).or("-1"),
			clockParam(config, "since", "startDate", "from when; sent as yyyy-MM-dd HH:mm:ss, which the vendor's page does not say", dayStart).or(""), // shown empty where there is none
			clockParam(config, "until", "endDate", "until when; a date means the end of that day", dayEnd).or(""),
			textParam("account_number", "ad_wechat_nober", "part of the operating account's or WeCom member's number", maxShort),
			textParam("account_name", "ad_wechat_nick", "part of the operating account's machine number or the WeCom member's name", maxShort),
		},
		account: "account", friend: "friend",
		outputs: []workflows.Field{rowsField("the calls, for a foreach; their columns are the platform's own names")},
		example: `uses: meeting_call.list
with:
  staff: "001"
  account: "135389"
  friend: wxid_example
  kind: archive
`,
	}}
}
