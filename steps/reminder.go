package steps

import (
	"errors"
	"fmt"

	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// The family "conversation", but for reading (chat.go): what speaks to the staff behind a conversation.

// activate is a message: it reminds somebody of the staff, and a second call would do so again.
func activate(Config) operation {
	return operation{
		name: "conversation.activate", id: youmi.OperationActivationConversation, effect: workflows.EffectMessage,
		summary: "Activates a conversation (激活会话), and reminds the staff behind it.",
		params: []param{
			accountParam("ad_wechat_id", "the operating account (运营号ID); else account_wxid"),
			keyParam("account_wxid", "ad_original_nober", "the operating account's original WeChat id (原始微信号); else account"),
			keyParam("friend", "ad_friend_wenober", "the customer's original WeChat id (好友原始微信号)"),
			keyParam("staff", "staff_code", "who is reminded, by staff number (员工号)"),
			bitParam("force", "enforceAttribution", "whether to make the customer theirs (强制归属); else only conversations of one's own customers can be activated; default false").or(0),
			textParam("text", "content", "the reminder; needed when activation_type is 1 or 2", maxText).or(""),
			wholeParam("activation_type", "activationType", "the kind of activation, a number; the vendor's page shows that 1 and 2 exist, and not what they mean"),
			wholeParam("switch_session", "switchSession", "a number that the vendor's page shows as 0 and does not explain"),
		},
		account: "account", friend: "friend", check: checkActivation,
		example: `uses: conversation.activate
with:
  account: 135389
  friend: wxid_example
  staff: "001"
  activation_type: 1
  text: 客户在等您回复
`,
	}
}

func checkActivation(in inputs) error {
	account, _ := plain(in.values["account"])
	wxid, _ := plain(in.values["account_wxid"])
	if (account == "" || account == "0") && wxid == "" {
		return errors.New("account and account_wxid are both empty: one of them names the operating account")
	}
	kind, _ := plain(in.values["activation_type"])
	if text, _ := plain(in.values["text"]); text == "" && (kind == "1" || kind == "2") {
		return fmt.Errorf("text is empty, and an activation of type %s needs one", kind)
	}
	return nil
}

// remind is a message: it reaches somebody, and a second call would do so again.
func remind(Config) operation {
	return operation{
		name: "notification.send", id: youmi.OperationSendNotification, effect: workflows.EffectMessage,
		summary: "Sends a notification to staff (发送通知).",
		params: []param{
			newParam("text", "content", "what it says", textType(), func(in inputs, field string) (any, error) { return in.required(field, maxText) }).must(),
			keyParam("staff", "staff_code", "who is notified, by staff number (员工号)"),
			accountParam("ad_wechat_id", "the operating account (运营号ID) it is about"),
			keyParam("account_wxid", "ad_original_nober", "the operating account's original WeChat id (原始微信号)"),
			keyParam("friend", "ad_friend_wenober", "the customer it is about, by original WeChat id (好友原始微信号)"),
		},
		account: "account", friend: "friend",
		example: `uses: notification.send
with:
  staff: "001"
  account: 135389
  friend: wxid_example
  text: 客户已领券，请跟进
`,
	}
}
