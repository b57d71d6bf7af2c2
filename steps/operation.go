package steps

import (
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// operation is a step that is one call of the API: a table of what goes in and what becomes of the answer.
type operation struct {
	name    string
	id      string // as openapi.yaml names it
	effect  workflows.Effect
	summary string
	params  []param
	oneOf   []workflows.Choice
	// account and friend name the inputs by which limits and the ledger know the call; "" for none.
	account, friend string
	// people names an input in which customers are named in ways that no page shows; "" for none.
	people string
	// further names an input that holds fields by the platform's own names, sent as they are; "" for none.
	further string
	// outputs are given besides the answer as it came.
	outputs []workflows.Field
	// read adds them, from the answer that is already in outputs. An error fails a read, and is left out of what may
	// have changed something, which stays done.
	read func(outputs map[string]any) error
	// assumed are the outputs of a plan, where they are not empty.
	assumed map[string]any
	// check holds rules over several inputs; nil for none.
	check   func(in inputs) error
	example string
}

// entry makes the step.
func (o operation) entry(config Config) *entry {
	return &entry{
		operation: o.id,
		StepType: workflows.StepType{
			Name: o.name, Effect: o.effect, Summary: o.summary, Inputs: fieldsOf(o.params), OneOf: o.oneOf,
			Outputs: answerFields(o.outputs...), Example: o.example,
		},
		prepare: func(input engine.Input) (engine.Action, error) { return o.prepare(config, input) },
	}
}

func (o operation) prepare(config Config, input engine.Input) (engine.Action, error) {
	in := inputs{values: input.With}
	if o.check != nil {
		if err := o.check(in); err != nil {
			return engine.Action{}, err
		}
	}
	c, err := o.call(in)
	if err != nil {
		return engine.Action{}, err
	}
	c.outputs, c.assumed = o.answered, assumedAnswer()
	for _, field := range o.outputs {
		c.assumed[field.Name] = o.assumed[field.Name]
	}
	return c.action(config, input.Connection)
}

// call is the request without what follows from it.
func (o operation) call(in inputs) (call, error) {
	body, err := encodeAll(o.params, in)
	if err != nil {
		return call{}, err
	}
	if err := addFurther(body, in, o.further); err != nil {
		return call{}, err
	}
	c := call{operation: o.id, effect: o.effect, body: body}
	if len(o.params) == 0 {
		c.body = nil
	}
	if c.account, _ = plain(in.values[o.account]); c.account == "0" {
		c.account = "" // which the pages write where none is given (api-96285441)
	}
	c.friend, _ = plain(in.values[o.friend])
	if o.people != "" {
		c.people = peopleIn(in.values[o.people])
	}
	return c, nil
}

func (o operation) answered(response *youmi.Response) (map[string]any, error) {
	outputs, err := answer(response)
	if err == nil && o.read != nil {
		err = o.read(outputs)
	}
	if o.effect != workflows.EffectRead {
		return outputs, nil // it is done, whatever can be read of the answer
	}
	return outputs, err
}

// addFurther adds fields by the platform's own names, which must not be those of other inputs.
func addFurther(body map[string]any, in inputs, name string) error {
	if name == "" || !in.has(name) {
		return nil
	}
	further, err := in.mapping(name)
	if err != nil {
		return err
	}
	for field, value := range further {
		if _, twice := body[field]; twice {
			return fmt.Errorf("%s holds %s, which an input of its own gives already", in.name(name), field)
		}
		body[field] = value
	}
	return nil
}

// accountKinds are the two types of operating account that most operations take.
func accountKinds() []option {
	return []option{{"personal", youmi.RelationPersonal}, {"wecom", youmi.RelationWecom}}
}
