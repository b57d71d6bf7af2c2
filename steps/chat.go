package steps

import (
	"fmt"

	"youmiflow/internal/expression"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

const (
	defaultRecords = 50
	mostRecords    = 200 // they are kept with the item
)

// chatRead reads one page of records, so that the steps of an item can look at a conversation.
func chatRead(config Config) operation {
	return operation{
		name: "chat.read", id: youmi.OperationGetChat, effect: workflows.EffectRead,
		summary: "Reads chat records (读取聊天记录), and what they say.",
		params: []param{
			accountParam("wechatId", "the operating account (运营号ID)"),
			keyParam("account_key", "wechatKey", "the operating account's key (运营机标识)"),
			keyParam("friend", "fansKe", "the customer's key (粉丝标识)"),
			sinceParam(config, "since", "startTimestamp", "from when"),
			untilParam(config, "until", "endTimestamp", "until when; a date means the end of that day"),
			rangeParam("page", "pageIndex", "which page of them; default 1", 1, mostPages).or(1),
			rangeParam("page_size", "pageSize", fmt.Sprintf("how many records a page has, 1 to %d; default %d", mostRecords, defaultRecords), 1, mostRecords).or(defaultRecords),
		},
		account: "account", friend: "friend",
		outputs: []workflows.Field{{Name: "messages", Type: listType(objectType(recordFields())), APIName: "values", Description: "the records, in the platform's order", Fields: recordFields()}},
		assumed: map[string]any{"messages": []any{}}, read: records,
		example: `uses: chat.read
with:
  account: 135389
  friend: wxid_example
  since: 2024-01-01
`,
	}
}

// rangeParam is a whole number within bounds.
func rangeParam(name, api, description string, least, most int64) param {
	return newParam(name, api, description, integerType(), func(in inputs, field string) (any, error) { return in.within(field, least, most, least) })
}

// recordFields are those of a message. Which kinds there are, and what they hold, is on api-185486756.
func recordFields() []workflows.Field {
	object := expression.Type{Kind: expression.Object, Open: true}
	return []workflows.Field{
		{Name: "kind", Type: textType(), Description: "text, image, voice, card, location, link, video_chat, group_invitation, file, shared_card, chat_record, mini_program, or other"},
		{Name: "type", Description: "the platform's number for it"},
		{Name: "text", Type: textType(), APIName: "ad_chatting_content", Description: "the text; of another kind, its content as it came"},
		{Name: "media_key", Type: textType(), Description: "of an image, a voice or a file: its key; that of a large picture has _hd behind it"},
		{Name: "name", Type: textType(), Description: "of a card: the contact's nickname"},
		{Name: "link", Type: object, Description: "of a link, a location or an invitation: title, url, description, thumbnail"},
		{Name: "file", Type: object, Description: "of a file: title, size in bytes, url"},
		{Name: "seconds", Type: integerType(), Description: "of a voice: how long it is"},
		{Name: "sent", Description: "whether the account sent it and not the customer; empty when the answer does not say"},
		{Name: "time", Description: "when, as it came; taken to be Unix seconds"},
		{Name: "reserved", APIName: "ad_chatting_resvred", Description: "the reserved column, decoded; empty when it has none"},
		{Name: "record", Type: object, Description: "all of it, by the platform's own names"},
	}
}
