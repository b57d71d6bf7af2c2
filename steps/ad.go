package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// adFilters are those of GetAdList and GetAdCount (api-104808957, api-104812541). The pages require the name, although it
// reads like a filter.
func adFilters(config Config) []param {
	return []param{
		keyParam("number", "code", "only the advertisement of this number (广告编号)"),
		textParam("name", "name", "only advertisements of this name (广告名称); default any", maxShort).or(""),
		amountParam("min_cost", "minCosts", "costs more than this"),
		wholeParam("max_cost", "maxCosts", "costs less than this; the platform takes a whole number here"),
		clockParam(config, "since", "startTime", "from when", dayStart),
		clockParam(config, "until", "endTime", "until when; a date means the end of that day", dayEnd),
		choiceParam("state", "state", "the platform's default, -1, is taken to mean all", option{"all", -1}, option{"offline", 0}, option{"online", 1}),
		choiceParam("origin", "buildType", "self-built, or from 企客宝; the platform's default, -1, is taken to mean all", option{"all", -1}, option{"own", 0}, option{"qkb", 1}),
	}
}

func adList(config Config) listing {
	return listing{operation: operation{
		name: "ad.list", id: youmi.OperationGetAdList,
		summary: "The advertisements (读取广告列表), row by row.",
		params:  adFilters(config),
		outputs: []workflows.Field{rowsField("the advertisements, for a foreach; their columns are the platform's own names")},
		example: `uses: ad.list
with:
  state: online
`,
	}}
}

func adCount(config Config) operation {
	return operation{
		name: "ad.count", id: youmi.OperationGetAdCount, effect: workflows.EffectRead,
		summary: "How many advertisements there are (读取广告条数).",
		params:  adFilters(config),
		outputs: []workflows.Field{countField()}, read: counted, assumed: map[string]any{"count": 0},
		example: `uses: ad.count
with:
  state: online
`,
	}
}
