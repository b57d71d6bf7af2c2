package steps

import (
	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func takeoverApply(config Config) *entry {
	account, friend := accountField("wechat_key"), friendField("friend_key")
	account.Required, friend.Required = true, true
	account.Description += ". The vendor calls it a key (运营机标识) here and an id (运营号ID) in messages, and does not say whether they differ"
	channel := channelField("what the messages of this conversation go over when they do not say; default personal; this step does not send it")
	channel.APIName = ""
	return &entry{
		operation: youmi.OperationApplyTakeover,
		StepType: workflows.StepType{
			Name:    "takeover.apply",
			Effect:  workflows.EffectIdempotent,
			Summary: "Takes a conversation over (申请接管). Whatever a run takes over is handed back when it ends.",
			Inputs: []workflows.Field{
				account,
				friend,
				channel,
				{Name: "applicant", APIName: "apply_key", Description: "who applies: the applicant key (申请人标识)"},
				{Name: "applicant_name", Type: textType(), APIName: "apply_name", Description: "the applicant's nickname"},
				{Name: "reason", Type: textType(), APIName: "apply_reason", Description: "why"},
				{Name: "source", Type: textType(), APIName: "apply_source", Description: "where from; the one value the vendor's page names is QKB (企客宝)"},
			},
			Outputs: []workflows.Field{
				{Name: "takeover", Type: opaque("takeover"), Description: "the conversation held, for the message steps and takeover.end"},
				requestIDField(),
			},
			Example: `id: hold
uses: takeover.apply
with:
  account: "135389"
  friend: wxid_example
  applicant_name: 小友
  reason: Double 11
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return prepareApply(config, input) },
	}
}

func prepareApply(config Config, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	c, err := named(in)
	if err != nil {
		return engine.Action{}, err
	}
	if in.has("channel") {
		if c.channel, err = channel(in); err != nil {
			return engine.Action{}, err
		}
	}
	body := youmi.TakeoverApplication{WechatKey: c.account, FriendKey: c.friend}
	if err := application(in, &body); err != nil {
		return engine.Action{}, err
	}
	assumed := input.Scratch.Object()
	assumed["takeover"], assumed["request_id"] = c.handle(input.Scratch.Object()), ""
	return call{
		operation: youmi.OperationApplyTakeover, effect: workflows.EffectIdempotent,
		account: c.account, friend: c.friend, takeover: engine.TakeoverApplies, written: body.AppendJSON(input.Scratch.Bytes()),
		outputs: func(response *youmi.Response) (map[string]any, error) {
			got := c
			got.key = response.TakeoverKey()
			return map[string]any{"takeover": got.handle(engine.Handle{}), "request_id": response.RequestID}, nil
		},
		assumed: assumed,
	}.action(config, input.Connection)
}

// application reads who applies and why.
func application(in inputs, body *youmi.TakeoverApplication) (err error) {
	if body.ApplyKey, err = in.text("applicant", maxShort); err != nil {
		return err
	}
	if body.Name, err = in.text("applicant_name", maxShort); err != nil {
		return err
	}
	if body.Reason, err = in.text("reason", maxShort); err != nil {
		return err
	}
	body.Source, err = in.text("source", maxShort)
	return err
}

func takeoverEnd(config Config) *entry {
	takeover := takeoverField("the output of takeover.apply; with nothing held the step is skipped")
	takeover.Required = true
	assumed := map[string]any{"request_id": ""}
	return &entry{
		operation: youmi.OperationEndTakeover,
		StepType: workflows.StepType{
			Name:    "takeover.end",
			Effect:  workflows.EffectIdempotent,
			Summary: "Hands a conversation back (终止接管).",
			Inputs:  []workflows.Field{takeover},
			Outputs: []workflows.Field{requestIDField()},
			Example: `uses: takeover.end
with:
  takeover: ${{ steps.hold.takeover }}
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return prepareEnd(config, input, assumed) },
	}
}

// prepareEnd names the conversation in every way there is: what the platform wants was not seen.
func prepareEnd(config Config, input engine.Input, assumed map[string]any) (engine.Action, error) {
	if input.With["takeover"] == nil {
		return engine.Action{Skip: "no conversation is held"}, nil
	}
	c, err := held(inputs{values: input.With})
	if err != nil {
		return engine.Action{}, err
	}
	body := youmi.TakeoverEnd{TakeOverKey: c.key, WechatID: c.account, ToUserName: c.friend}
	return call{
		operation: youmi.OperationEndTakeover, effect: workflows.EffectIdempotent,
		account: c.account, friend: c.friend, takeover: engine.TakeoverEnds,
		written: body.AppendJSON(input.Scratch.Bytes()),
		outputs: func(response *youmi.Response) (map[string]any, error) {
			return map[string]any{"request_id": response.RequestID}, nil
		},
		assumed: assumed,
	}.action(config, input.Connection)
}
