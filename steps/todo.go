package steps

import (
	"errors"
	"slices"

	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

const mostRecipients = 1_000

// Adding a todo is a message: a second call would add a second one, and remind everybody twice.

// todoParams are what both ways to add a todo take. Leaving SffId out takes the customer away from their owner
// (api-96445501), so that has to be said.
func todoParams(config Config) []param {
	return []param{
		keyParam("friend", "Weixin", "the customer's original WeChat id (原始微信号)"),
		keyParam("creator", "SffId", "the creator's staff number (员工号). Once the todo is done, the customer becomes theirs. Without one the customer loses their owner, so it takes unbind_owner"),
		ownParam("unbind_owner", "says that there is no creator, and that the customer is to lose their owner (解除归属)", boolType()),
		textParam("title", "RemindTitle", "the title", maxShort),
		textParam("text", "FollowupsiTuation", "what is to be done (跟进情况)", maxText),
		clockParam(config, "remind_at", "RemindTime", "when to remind, not earlier than now; sent as yyyy-MM-dd HH:mm:ss, which the vendor's page does not say", dayStart),
		bitParam("always", "IsAlways", "whether to keep reminding (一直提醒)"),
		listParam("recipients", "Recipient", "who is reminded, by staff number", mostRecipients),
	}
}

func checkTodo(in inputs) error {
	creator, _ := plain(in.values["creator"])
	unbind := in.values["unbind_owner"] == true
	switch {
	case creator == "" && !unbind:
		return errors.New("creator is empty: the platform would take the customer away from their owner; to have it so, set unbind_owner: true")
	case creator != "" && unbind:
		return errors.New("creator and unbind_owner contradict each other: give one of them")
	}
	return nil
}

// omitEmpty leaves a key out where it is empty.
func omitEmpty(p param) param {
	encode := p.encode
	p.encode = func(in inputs, field string) (any, error) {
		value, err := encode(in, field)
		if value == "" {
			return left, err
		}
		return value, err
	}
	return p
}

func todoAdd(config Config) operation {
	params := todoParams(config)
	for i, p := range params {
		switch p.Name {
		case "friend":
			params[i] = namedParam(p.Name, p.APIName, p.Description)
		case "creator":
			params[i] = omitEmpty(p)
		case "title", "text", "remind_at":
			params[i] = needed(p.must())
		}
	}
	params = append(params,
		accountParam("AdWecharId", "the operating account (运营号ID)").must(),
		choiceParam("account_type", "From", "what the customer was met on; default personal",
			append(accountKinds(), option{"official_account", youmi.RelationOfficialAccount}, option{"mini_program", youmi.RelationMiniProgram})...).or(youmi.RelationPersonal),
		textParam("level_color", "LevelColor", "the level's colour", maxShort),
		textParam("level_name", "LevelName", "the level's name", maxShort),
		wholeParam("event_type", "EventType", "a number that the vendor's page does not explain"),
	)
	return operation{
		name: "todo.add", id: youmi.OperationAddRecordNew, effect: workflows.EffectMessage,
		summary: "Adds a todo (新增待办记录), and gives its number.",
		params:  params, account: "account", friend: "friend", check: checkTodo,
		outputs: []workflows.Field{{Name: "number", Type: textType(), APIName: "values", Description: "the todo's number (编号); empty when it is not found in the answer"}},
		assumed: map[string]any{"number": ""},
		read: func(outputs map[string]any) error {
			identified(outputs, "number", "id", "number", "code", "recordId", "chargeDaffairesId")
			return nil
		},
		example: `uses: todo.add
with:
  account: 135389
  friend: wxid_example
  creator: "001"
  title: 回访
  text: 客户询问双十一活动
  remind_at: 2030-01-01 09:00:00
  recipients: ["001"]
`,
	}
}

// needed refuses an empty value.
func needed(p param) param {
	encode := p.encode
	p.encode = func(in inputs, field string) (any, error) {
		value, err := encode(in, field)
		if err == nil && (value == left || value == "") {
			return nil, errors.New(in.name(field) + " is empty")
		}
		return value, err
	}
	return p
}

func todoAddPlain(config Config) operation {
	params := todoParams(config)
	for i, p := range params {
		if p.Name == "creator" {
			params[i] = omitEmpty(p)
		}
	}
	return operation{
		name: "todo.add_plain", id: youmi.OperationAddRecord, effect: workflows.EffectMessage,
		summary: "Adds a todo (新增待办记录) by the older operation, which gives no number.",
		params:  params, friend: "friend", check: checkTodo,
		example: `uses: todo.add_plain
with:
  friend: wxid_example
  creator: "001"
  title: 回访
  text: 客户询问双十一活动
  remind_at: 2030-01-01 09:00
  recipients: ["001"]
`,
	}
}

func todoFilters(config Config) []param {
	return []param{
		sinceParam(config, "created_since", "startTimestamp", "created from then on"),
		untilParam(config, "created_until", "endTimestamp", "created until then"),
		sinceParam(config, "remind_since", "remindStartTimestamp", "to be reminded of from then on"),
		untilParam(config, "remind_until", "remindEndTimestamp", "to be reminded of until then"),
		keyParam("creator", "createStaff", "only those of this creator, by staff number (员工号)"),
		keyParam("recipient", "remindStaff", "only those for this staff number"),
		accountParam("WecharId", "only those of this operating account (运营号ID)"),
		keyParam("account_wechat", "wechatNober", "only those of the operating account of this WeChat id (微信号)"),
		choiceParam("state", "usersate", "all, open or done", option{"all", -1}, option{"open", 0}, option{"done", 1}),
	}
}

func todoList(config Config) listing {
	return listing{operation: operation{
		name: "todo.list", id: youmi.OperationGetChargeDaffairesList,
		summary: "The todos (获取待办列表), row by row.",
		params: slices.Concat(todoFilters(config), []param{
			wholeParam("id", "chargeDaffairesId", "a number that the vendor's page does not explain; by its name, the todo's"),
		}),
		account: "account",
		outputs: []workflows.Field{rowsField("the todos, for a foreach; their columns are the platform's own names")},
		example: `uses: todo.list
with:
  account: 135389
  state: open
`,
	}}
}

func todoCount(config Config) operation {
	return operation{
		name: "todo.count", id: youmi.OperationGetChargeDaffairesCount, effect: workflows.EffectRead,
		summary: "How many todos there are (获取待办列表总数).",
		params:  todoFilters(config), account: "account",
		outputs: []workflows.Field{countField()}, read: counted, assumed: map[string]any{"count": 0},
		example: `uses: todo.count
with:
  state: open
`,
	}
}
