package steps

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// The sources of audience.friends: the versions of the API.
const (
	sourceV2 = "v2"
	sourceV1 = "v1"
)

// audienceFriends is friend.list or v1.friends, with the columns that message steps want.
func audienceFriends(config Config) *entry {
	v2 := listing{operation: operation{id: youmi.OperationGetFansList, params: friendFilters(config)}, row: friendRow}
	v1 := listing{operation: operation{id: youmi.OperationV1Friend, params: v1FriendFilters(config)}, row: friendRow, marks: friendMarks()}
	v2.name, v2.account = "audience.friends", "account"
	v1.account = v2.account
	v2.summary = "The customers of the friend list (粉丝列表), row by row, as an audience."
	v2.outputs = []workflows.Field{rowsField("the customers, for a foreach; each has the columns account, friend and name, and whatever the platform gives by its own names")}
	v2.example = `id: fans
uses: audience.friends
with:
  account: 135389
  chatted_since: 2024-01-01
`
	filters := slices.DeleteFunc(slices.Clone(v2.params), func(p param) bool { return !slices.Contains(sharedFilters(), p.Name) })
	e := listing{operation: operation{
		id: v2.id, name: v2.name, summary: v2.summary, outputs: v2.outputs, example: v2.example,
		params: append(filters, sourceParam(), friendColumns()),
	}}.entry(config)
	e.prepare = func(input engine.Input) (engine.Action, error) { return prepareFriends(config, v2, v1, input) }
	return e
}

// sharedFilters are the ones that a campaign needs.
func sharedFilters() []string {
	return []string{"account", "staff", "name", "added_since", "added_until", "bound_since", "bound_until", "chatted_since", "chatted_until"}
}

func sourceParam() param {
	p := ownParam("source", "which version of the API is asked; default v2, of whose list the vendor shows little. v1 cannot filter by name", textType())
	p.Enum = []any{sourceV2, sourceV1}
	return p
}

func friendColumns() param {
	fields := []workflows.Field{
		{Name: "account", Type: textType(), Description: "the platform's column of the operating account"},
		{Name: "friend", Type: textType(), Description: "that of the customer's id"},
		{Name: "name", Type: textType(), Description: "that of the nickname"},
	}
	p := ownParam("columns", "from which of the platform's columns account, friend and name are taken, where the usual names are not found", objectType(fields))
	p.Fields = fields
	return p
}

func prepareFriends(config Config, v2, v1 listing, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	chosen := v2
	switch in.values["source"] {
	case nil, sourceV2:
	case sourceV1:
		if in.has("name") {
			return engine.Action{}, errors.New("name: version 1 of the API cannot filter by name; use `where` of the foreach")
		}
		chosen = v1
	default:
		return engine.Action{}, fmt.Errorf("source must be v2 or v1, not %s", kind(in.values["source"]))
	}
	if in.has("columns") {
		if _, err := in.mapping("columns"); err != nil {
			return engine.Action{}, err
		}
	}
	return chosen.entry(config).prepare(input)
}

// friendRow adds the columns account, friend and name.
func friendRow(in inputs, columns map[string]any) (map[string]any, error) {
	row := maps.Clone(columns)
	named, _ := in.values["columns"].(map[string]any)
	for _, column := range []struct {
		name   string
		usual  []string
		needed bool
	}{
		// The names that pages use for these (1.8 of the vendor's vocabulary); which of them v2 lists was not seen.
		{"account", []string{"ad_wechat_id", "wechatId", "WechatId", "wechat_id", "Wechat_id", "WecharId", "wechat_key"}, true},
		{"friend", []string{"ad_friend_wenober", "fans_key", "fansKey", "fansKe", "friend_key", "Weixin"}, true},
		{"name", []string{"username", "fansName", "ad_friend_nick", "nickname", "name"}, false},
	} {
		usual := column.usual
		if given, _ := named[column.name].(string); given != "" {
			usual = []string{given}
		}
		value, found := firstColumn(columns, usual)
		if !found && column.name == "account" && in.has("account") {
			value, found = in.values["account"], true
		}
		if !found && column.needed {
			return nil, fmt.Errorf("no column for %s: a row has %s; say which with columns: { %s: … }", column.name,
				strings.Join(slices.Sorted(maps.Keys(columns)), ", "), column.name)
		}
		row[column.name], _ = plain(value)
	}
	return row, nil
}

// firstColumn is the first column that holds something, else whether one is there at all.
func firstColumn(columns map[string]any, names []string) (value any, found bool) {
	for _, name := range names {
		if candidate, ok := columns[name]; ok {
			found = true
			if text, ok := plain(candidate); ok && text != "" {
				return candidate, true
			}
		}
	}
	return nil, found
}
