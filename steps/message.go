package steps

import (
	"fmt"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// messageInputs are the inputs of every message step, before its own.
func messageInputs(own ...workflows.Field) []workflows.Field {
	return append([]workflows.Field{
		takeoverField("the conversation, as takeover.apply gave it; else account and friend"),
		accountField("WechatId"),
		friendField("ToUserName"),
		channelField("what it goes over: personal WeChat (RelationType 0) or WeCom (3); default the takeover's, else personal"),
	}, own...)
}

func messageOutputs() []workflows.Field {
	return []workflows.Field{
		{Name: "task_id", Type: textType(), APIName: "taskId", Description: "the platform's id of the message; empty when it gave none"},
		requestIDField(),
	}
}

// sending makes the action of every message step.
type sending struct {
	config  Config
	assumed map[string]any // of all of them
}

func newSending(config Config) *sending {
	return &sending{config, map[string]any{"task_id": "", "request_id": ""}}
}

func (s *sending) action(input *engine.Input, to conversation, body *youmi.Message) (engine.Action, error) {
	return call{
		operation: youmi.OperationSend, effect: workflows.EffectMessage, account: to.account, friend: to.friend,
		written: body.AppendJSON(input.Scratch.Bytes()),
		outputs: func(response *youmi.Response) (map[string]any, error) {
			return map[string]any{"task_id": response.TaskID(), "request_id": response.RequestID}, nil
		},
		assumed: s.assumed,
	}.action(s.config, input.Connection)
}

func messageSend(config Config) *entry {
	kinds, send := contents(), newSending(config)
	var fields []workflows.Field
	var groups [][]string
	for _, kind := range kinds {
		fields = append(fields, kind.field)
		groups = append(groups, []string{kind.field.Name})
	}
	return &entry{
		operation: youmi.OperationSend,
		StepType: workflows.StepType{
			Name:    "message.send",
			Effect:  workflows.EffectMessage,
			Summary: "Sends one message (发送消息) of exactly one content.",
			Inputs:  messageInputs(fields...),
			Outputs: messageOutputs(),
			OneOf:   []workflows.Choice{recipientChoice(), {Groups: groups}},
			Example: `uses: message.send
with:
  account: "135389"
  friend: wxid_example
  text: 你好，你的券 D11-88 已到账
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			in := inputs{values: input.With}
			to, err := conversationOf(in)
			if err != nil {
				return engine.Action{}, err
			}
			body := to.message()
			if body.Content, err = chosen(in, kinds); err != nil {
				return engine.Action{}, err
			}
			return send.action(&input, to, &body)
		},
	}
}

// chosen builds the one content that is given.
func chosen(in inputs, kinds []content) (youmi.Content, error) {
	found := only(in, kinds)
	for i := 0; i < len(kinds) && found == nil; i++ {
		if !in.has(kinds[i].field.Name) {
			continue
		}
		for _, other := range kinds[i+1:] {
			if in.has(other.field.Name) {
				return youmi.Content{}, fmt.Errorf("%s and %s are given: a message has one content", in.name(kinds[i].field.Name), other.field.Name)
			}
		}
		found = &kinds[i]
	}
	if found == nil {
		return youmi.Content{}, fmt.Errorf("%sone of %s must be given, and not be empty", in.name(""), names(kinds))
	}
	return found.build(in)
}

// only is the content where nothing else is given, as in most messages of a batch: one look instead of one for each kind.
func only(in inputs, kinds []content) *content {
	if len(in.values) != 1 {
		return nil
	}
	for name, value := range in.values {
		for i := range kinds {
			if kinds[i].field.Name == name && value != nil {
				return &kinds[i]
			}
		}
	}
	return nil
}

func names(kinds []content) string {
	list := make([]string, len(kinds))
	for i, kind := range kinds {
		list[i] = kind.field.Name
	}
	return strings.Join(list, ", ")
}
