package steps

import (
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

func textType() expression.Type    { return expression.Type{Kind: expression.String} }
func integerType() expression.Type { return expression.Type{Kind: expression.Integer} }
func boolType() expression.Type    { return expression.Type{Kind: expression.Bool} }
func opaque(name string) expression.Type {
	return expression.Type{Kind: expression.Opaque, Name: name}
}

// objectType is the type of an object of exactly these fields.
func objectType(fields []workflows.Field) expression.Type {
	known := make(map[string]expression.Type, len(fields))
	for _, field := range fields {
		known[field.Name] = field.Type
	}
	return expression.Type{Kind: expression.Object, Fields: known}
}

func listType(element expression.Type) expression.Type {
	return expression.Type{Kind: expression.List, Element: &element}
}

// accountField and friendField take numbers too: a table or a JSON file may hold them either way.
func accountField(apiName string) workflows.Field {
	return workflows.Field{Name: "account", Key: true, APIName: apiName, Description: "the operating account (运营号), a number or a text"}
}

func friendField(apiName string) workflows.Field {
	return workflows.Field{Name: "friend", Key: true, APIName: apiName, Description: "the customer: the friend key (好友标识)"}
}

func takeoverField(description string) workflows.Field {
	return workflows.Field{Name: "takeover", Type: opaque("takeover"), APIName: "TakeOverKey", Description: description}
}

func channelField(description string) workflows.Field {
	return workflows.Field{Name: "channel", Type: textType(), APIName: "RelationType", Enum: []any{channelPersonal, channelWecom}, Description: description}
}

func requestIDField() workflows.Field {
	return workflows.Field{Name: "request_id", Type: textType(), APIName: "requestId", Description: "the platform's id of the request; empty when it gave none"}
}

// recipientChoice is the rule that a conversation is named by its takeover or by account and friend.
func recipientChoice() workflows.Choice {
	return workflows.Choice{Groups: [][]string{{"takeover"}, {"account", "friend"}}}
}
