package steps

import (
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func messageForward(config Config) *entry {
	send := newSending(config)
	return &entry{
		operation: youmi.OperationSend,
		StepType: workflows.StepType{
			Name:    "message.forward",
			Effect:  workflows.EffectMessage,
			Summary: "Forwards flagged messages of another conversation (转发).",
			Inputs:  messageInputs(fromField(), flagsField()),
			Outputs: messageOutputs(),
			OneOf:   []workflows.Choice{recipientChoice()},
			Example: `uses: message.forward
with:
  takeover: ${{ steps.hold.takeover }}
  from: wxid_source
  flags:
    - { flag: "flag:0000026", type: image, time: 1647865582, index: 1 }
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			in := inputs{values: input.With}
			to, err := conversationOf(in)
			if err != nil {
				return engine.Action{}, err
			}
			body := to.message()
			body.MsgType = youmi.TypeForward
			if body.ShareFrom, err = in.identifier("from"); err != nil {
				return engine.Action{}, err
			}
			if body.Flags, err = flags(in); err != nil {
				return engine.Action{}, err
			}
			return send.action(&input, to, &body)
		},
	}
}

func fromField() workflows.Field {
	return workflows.Field{Name: "from", Key: true, Required: true, APIName: "ShareUnionIDNode", Description: "the user whose messages are forwarded"}
}

func flagsField() workflows.Field {
	fields := []workflows.Field{
		mustText("flag", "Flag", "the message's flag, such as flag:0000026"),
		mustText("type", "MsgType", "what it is; the vendor's page shows image, video, link, file, mp, vo, vl and, for personal WeChat, location"),
		{Name: "time", Type: integerType(), Required: true, APIName: "MsgTime", Description: "when it was sent, Unix seconds"},
		{Name: "index", Type: integerType(), Required: true, APIName: "MsgIndex", Description: "the message's index"},
	}
	return workflows.Field{
		Name: "flags", Type: listType(objectType(fields)), Required: true, APIName: "Flags",
		Description: fmt.Sprintf("1 to %d messages to forward", maxFlags), Fields: fields,
	}
}

func flags(in inputs) ([]youmi.Flag, error) {
	elements, err := in.list("flags", maxFlags)
	if err != nil {
		return nil, err
	}
	list := make([]youmi.Flag, len(elements))
	for i := range elements {
		element, err := in.element("flags", elements, i)
		if err != nil {
			return nil, err
		}
		if list[i], err = forwarded(element); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func forwarded(in inputs) (f youmi.Flag, err error) {
	if f.Flag, err = in.identifier("flag"); err != nil {
		return f, err
	}
	if f.MsgType, err = in.identifier("type"); err != nil {
		return f, err
	}
	if f.MsgTime, err = in.whole("time"); err != nil {
		return f, err
	}
	f.MsgIndex, err = in.whole("index")
	return f, err
}
