package steps

import (
	"fmt"
	"slices"

	"youmiflow/internal/expression"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// bulkSendSave is a message: saving twice would send everything twice. Of its body only task_content was seen
// (api-246250990), so the rest is handed through by the platform's own names.
func bulkSendSave(Config) operation {
	contents := []workflows.Field{
		{Name: "text", Type: textType(), APIName: "content", Description: "a text"},
		objectField("image", "a picture", "url", urlField("imgMediaUrl", "the picture's address"), optionalName("imgName"), bulkFormat("imgFormat")),
		objectField("video", "a video", "url", urlField("videoMediaUrl", "the video's address"), optionalName("videoName"), bulkFormat("videoFormat")),
	}
	messages := param{Field: workflows.Field{
		Name: "messages", Type: listType(objectType(contents)), Required: true, APIName: "task_content",
		Description: fmt.Sprintf("1 to %d messages, each of one content", maxMessages), Fields: contents,
		OneOf: []workflows.Choice{{Groups: [][]string{{"text"}, {"image"}, {"video"}}}},
	}}
	fields := ownParam("fields", "further fields of the request, by the platform's own names: to whom, when. The vendor's page shows none of them", expression.Type{Kind: expression.Object, Open: true})
	as := choiceParam("as", "", "how task_content is sent: as a list, or as its JSON in a text; the vendor's page shows a list and does not say; default list", option{"list", "list"}, option{"text", "text"})
	as.encode = nil
	messages.encode = bulkContent
	return operation{
		name: "bulk_send.save", id: youmi.OperationSaveBulkSendTask, effect: workflows.EffectMessage,
		summary: "Saves a bulk send by robot (保存RPA群发).",
		params:  []param{messages, fields, as}, further: "fields", people: "fields",
		outputs: []workflows.Field{{Name: "id", Type: textType(), APIName: "ad_bulk_send_id", Description: "the bulk send's number; empty when it is not found in the answer"}},
		assumed: map[string]any{"id": ""},
		read: func(outputs map[string]any) error {
			identified(outputs, "id", "ad_bulk_send_id", "id")
			return nil
		},
		example: `uses: bulk_send.save
with:
  messages:
    - text: 双十一活动开始了
    - image: https://img.example.com/d11.png
`,
	}
}

func optionalName(api string) workflows.Field {
	return optional("name", api, "the file's name; default the last part of the address")
}

func bulkFormat(api string) workflows.Field {
	field := formatField("png")
	field.APIName = api
	return field
}

// bulkItem is one element of task_content.
type bulkItem struct {
	Data map[string]string `json:"data"`
	Type string            `json:"type"` // "0" text, "1" image, "2" video
}

func bulkContent(in inputs, field string) (any, error) {
	elements, err := in.objects(field, maxMessages)
	if err != nil {
		return nil, err
	}
	items := make([]bulkItem, len(elements))
	for i, element := range elements {
		if items[i], err = bulkMessage(element); err != nil {
			return nil, err
		}
	}
	if in.values["as"] != "text" {
		return items, nil
	}
	text, err := youmi.Encode(items)
	return string(text), err
}

func bulkMessage(in inputs) (bulkItem, error) {
	given := slices.DeleteFunc([]string{"text", "image", "video"}, func(name string) bool { return !in.has(name) })
	if len(given) != 1 {
		return bulkItem{}, fmt.Errorf("%sexactly one of text, image, video must be given", in.name(""))
	}
	switch given[0] {
	case "image":
		return bulkMedia(in, "image", "1", "img")
	case "video":
		return bulkMedia(in, "video", "2", "video")
	}
	text, err := in.required("text", maxText)
	return bulkItem{Data: map[string]string{"content": text}, Type: "0"}, err
}

func bulkMedia(in inputs, field, kind, prefix string) (bulkItem, error) {
	object, err := in.object(field, "url")
	if err != nil {
		return bulkItem{}, err
	}
	name, err := object.text("name", maxShort)
	if err != nil {
		return bulkItem{}, err
	}
	at, err := object.file(name)
	if err != nil {
		return bulkItem{}, err
	}
	return bulkItem{Type: kind, Data: map[string]string{prefix + "Name": at.name, prefix + "Format": at.format, prefix + "MediaUrl": at.url}}, nil
}

// bulkSendDelete may be repeated: what is deleted stays deleted.
func bulkSendDelete(Config) operation {
	return operation{
		name: "bulk_send.delete", id: youmi.OperationDeleteBulkSendTask, effect: workflows.EffectIdempotent,
		summary: "Deletes a bulk send by robot (删除RPA群发).",
		params:  []param{wholeParam("id", "ad_bulk_send_id", "the bulk send's number").must()},
		example: `uses: bulk_send.delete
with:
  id: 853
`,
	}
}
