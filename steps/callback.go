package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

const mostEvents = 100

// Registering the same address again is taken to change nothing; a run that was interrupted may repeat it.
func callbackRegister(Config) operation {
	return operation{
		name: "callback.register", id: youmi.OperationRegisterCallbackURL, effect: workflows.EffectIdempotent,
		summary: "Registers the address to which the platform reports (注册回调地址).",
		params: []param{
			webParam("url", "url", "the address").must(),
			choiceParam("product", "type", "which product reports: 企客宝 or 金桥", option{"qkb", 100}, option{"jinqiao", 200}),
		},
		example: `uses: callback.register
with:
  url: https://example.com/hook
  product: qkb
`,
	}
}

// Subscribing again with the same address is taken to change nothing, as with callbackRegister. Nothing the vendor shows
// undoes it.
func eventSubscribe(Config) operation {
	return operation{
		name: "event.subscribe", id: youmi.OperationSubscribeEvent, effect: workflows.EffectIdempotent,
		summary: "Has the platform push events to an address (订阅事件).",
		params: []param{
			webParam("url", "url", "the address").must(),
			keyParam("app", "appId", "the application id"),
			listParam("events", "messageTypes", "which events; taken to be chat, fansInfoChange, fansAttributionChange and rpaTaskResult", mostEvents).must(),
		},
		example: `uses: event.subscribe
with:
  url: https://example.com/hook
  app: app
  events: [chat]
`,
	}
}
