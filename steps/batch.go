package steps

import (
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func messageBatch(config Config) *entry {
	kinds, send := inline(), newSending(config)
	messages := batchField(kinds)
	return &entry{
		operation: youmi.OperationSend,
		StepType: workflows.StepType{
			Name:    "message.batch",
			Effect:  workflows.EffectMessage,
			Summary: "Sends several messages in one call (批量发送).",
			Inputs:  messageInputs(messages),
			Outputs: messageOutputs(),
			OneOf:   []workflows.Choice{recipientChoice()},
			Example: `uses: message.batch
with:
  takeover: ${{ steps.hold.takeover }}
  messages:
    - text: 你好，你的券 D11-88 已到账
    - image: https://img.example.com/d11.png
    - link: { url: https://example.com/d11, title: 双十一, description: 会场, thumbnail: https://img.example.com/t.png }
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			in := inputs{values: input.With}
			to, err := conversationOf(in)
			if err != nil {
				return engine.Action{}, err
			}
			body := to.message()
			body.MsgType = youmi.TypeBatch
			var few [4]youmi.Content // as many as most batches have
			if body.Batch, err = batch(in, kinds, few[:0]); err != nil {
				return engine.Action{}, err
			}
			return send.action(&input, to, &body)
		},
	}
}

// inline are the contents that may stand in a batch.
func inline() []content {
	var kinds []content
	for _, kind := range contents() {
		if kind.inline {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func batchField(kinds []content) workflows.Field {
	var fields []workflows.Field
	var groups [][]string
	for _, kind := range kinds {
		field := kind.field
		if field.Name == "image" {
			field = objectField("image", field.Description, "url",
				urlField("ImageUrl", "the picture's address; in a batch it must carry the file's suffix, or the platform does not send it"), formatField("png"))
		}
		fields = append(fields, field)
		groups = append(groups, []string{field.Name})
	}
	return workflows.Field{
		Name: "messages", Type: listType(objectType(fields)), Required: true, APIName: "messList",
		Description: fmt.Sprintf("1 to %d messages, each of one content", maxMessages),
		Fields:      fields,
		OneOf:       []workflows.Choice{{Groups: groups}},
	}
}

func batch(in inputs, kinds []content, messages []youmi.Content) ([]youmi.Content, error) {
	elements, err := in.list("messages", maxMessages)
	if err != nil {
		return nil, err
	}
	for i := range elements {
		element, err := in.element("messages", elements, i)
		if err != nil {
			return nil, err
		}
		message, err := chosen(element, kinds)
		if err != nil {
			return nil, err
		}
		if message.MsgType == youmi.TypeImage {
			if err := batchImage(element, &message); err != nil {
				return nil, err
			}
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// batchImage gives a batch's image the field the API wants there, and checks what it demands of its address.
func batchImage(in inputs, c *youmi.Content) error {
	if suffix(lastPart(c.URL)) == "" && suffix(c.URL) == "" {
		return in.inside("image", nil).noSuffix(media{url: c.URL})
	}
	c.ImageURL, c.URL = c.URL, ""
	return nil
}
