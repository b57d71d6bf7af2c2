package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// The versions of the API that api.call reaches, and its methods.
func rawVersions() []option { return []option{{"v2", youmi.V2}, {"v1", youmi.V1}} }

func rawMethods() []option {
	return []option{{"GET", "GET"}, {"POST", "POST"}, {"PUT", "PUT"}, {"PATCH", "PATCH"}, {"DELETE", "DELETE"}}
}

func rawEffects() []option {
	return []option{{"read", workflows.EffectRead}, {"idempotent", workflows.EffectIdempotent}, {"message", workflows.EffectMessage}}
}

// apiCall is described as a message, since it may be one; the call itself has the effect that the workflow declares.
func apiCall(config Config) *entry {
	open := expression.Type{Kind: expression.Object, Open: true}
	params := []param{
		choiceParam("effect", "", "what the call does: `read` and `idempotent` calls are repeated when their outcome was not learned, a `message` is made at most once. Nobody can check it: whatever a second call would do twice is a message", rawEffects()...).must(),
		choiceParam("version", "", "which version of the API: v2, or signed v1; default v2", rawVersions()...),
		choiceParam("method", "", "default POST", rawMethods()...),
		ownParam("path", "the path below the connection's base_url, such as /v2/System/GetDepartList", textType()).must(),
		ownParam("query", "the query, name by name", open),
		ownParam("body", "the body, sent as it is", expression.Type{}),
		ownParam("account", "the operating account it is for, so that limits count it", expression.Type{}).key(),
		ownParam("friend", "the customer it is for, so that limits count it", expression.Type{}).key(),
	}
	return &entry{
		StepType: workflows.StepType{
			Name: "api.call", Effect: workflows.EffectMessage,
			Summary: "Calls any path of the connection, for what the vendor's documents do not show.",
			Inputs:  fieldsOf(params), Outputs: answerFields(),
			Example: `uses: api.call
with:
  effect: read
  method: GET
  path: /v2/System/GetDepartList
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return prepareRaw(config, params, input) },
	}
}

func prepareRaw(config Config, params []param, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	request, effect, err := rawRequest(params, in)
	if err != nil {
		return engine.Action{}, err
	}
	body, err := rawLogged(request)
	if err != nil {
		return engine.Action{}, err
	}
	c := call{
		operation: request.Method + " " + request.Path, effect: effect, body: body, assumed: assumedAnswer(),
		outputs: func(response *youmi.Response) (map[string]any, error) {
			outputs, err := answer(response)
			if effect != workflows.EffectRead {
				return outputs, nil // it is done, whatever can be read of the answer
			}
			return outputs, err
		},
		make: func(ctx context.Context, api API) (*youmi.Response, error) {
			return api.Raw(ctx, request)
		},
	}
	c.account, _ = plain(in.values["account"])
	c.friend, _ = plain(in.values["friend"])
	if effect != workflows.EffectRead {
		c.people = peopleIn([]any{request.Path, in.values["body"], in.values["query"]})
	}
	return c.action(config, input.Connection)
}

func rawRequest(params []param, in inputs) (request youmi.Request, effect workflows.Effect, err error) {
	chosen := map[string]any{"effect": nil, "version": youmi.V2, "method": "POST"}
	for _, p := range params {
		if p.encode == nil || !in.has(p.Name) && !p.Required {
			continue
		}
		if chosen[p.Name], err = p.encode(in, p.Name); err != nil {
			return request, "", err
		}
	}
	effect = chosen["effect"].(workflows.Effect)
	request.Version, request.Method, request.Effect = chosen["version"].(string), chosen["method"].(string), string(effect)
	if request.Path, err = in.required("path", maxURL); err != nil {
		return request, "", err
	}
	if request.Query, err = rawQuery(in); err != nil {
		return request, "", err
	}
	if in.has("body") {
		body, err := youmi.Encode(in.values["body"])
		if err != nil {
			return request, "", fmt.Errorf("body: %w", err)
		}
		request.Body = json.RawMessage(body)
	}
	return request, effect, request.Validate()
}

func rawQuery(in inputs) (url.Values, error) {
	if !in.has("query") {
		return nil, nil
	}
	object, err := in.mapping("query")
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for name, value := range object {
		text, ok := plain(value)
		if set, isBool := value.(bool); isBool {
			text, ok = fmt.Sprint(set), true
		}
		if !ok {
			return nil, fmt.Errorf("query.%s must be a text or a number, not %s", name, kind(value))
		}
		query.Set(name, text)
	}
	return query, nil
}

// rawLogged is what the ledger and a plan keep of the request: the body, or where there is a query all of it.
func rawLogged(request youmi.Request) (json.RawMessage, error) {
	if len(request.Query) == 0 {
		return youmi.Encode(request.Body)
	}
	return youmi.Encode(map[string]any{"query": request.Query, "body": request.Body})
}
