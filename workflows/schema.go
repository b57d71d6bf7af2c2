package workflows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// schemaDialect is what the YAML language server, and with it most editors, reads best.
const schemaDialect = "http://json-schema.org/draft-07/schema#"

// Object is a kind of object of the language with its keys, in the order in which people write them.
type Object struct {
	Name  string // the one it has in the schema
	Title string // in words: "a step"
	Keys  []Key
}

// Key is one key of an Object.
type Key struct {
	Name   string
	Needed bool   // without it the object is an error
	About  string // for people: a sentence or two, with `code` in backquotes
}

// Objects are all kinds of objects that a workflow file and a youmiflow.yaml are made of.
func Objects() []Object {
	var list []Object
	for _, one := range objectKinds() {
		object := Object{Name: one.name, Title: one.title}
		for _, key := range one.keys.keys {
			object.Keys = append(object.Keys, Key{Name: key.name, Needed: slices.Contains(one.keys.needed, key.name), About: key.about})
		}
		list = append(list, object)
	}
	return list
}

// objectKind is a kind of object: its name in the schema, its name in words and its keys.
type objectKind struct {
	name, title string
	keys        keySet
}

const (
	workflowKind = "workflow"
	projectKind  = "project"
	stepKind     = "step"
)

func objectKinds() []objectKind {
	return []objectKind{
		{workflowKind, "a workflow", workflowKeys},
		{"param", "a param", paramKeys},
		{"trigger", "a trigger", triggerKeys},
		{"send_window", "a send window", windowKeys},
		{stepKind, "a step", stepKeys},
		{"retry", "retries", retryKeys},
		{"foreach", "a foreach", foreachKeys},
		{"waves", "waves", wavesKeys},
		{"wave", "a wave", waveKeys},
		{"stop_when", "stop_when", stopWhenKeys},
		{"branch", "a branch", branchKeys},
		{"wait", "a wait", waitKeys},
		{"approve", "an approval", approveKeys},
		{"limit", "a limit", limitKeys},
		{"rest", "a rest", restKeys},
		{projectKind, "youmiflow.yaml", projectKeys},
		{"connection", "a connection", connectionKeys},
		{"v1", "signed calls of version 1", v1Keys},
		{"operation", "an operation", operationKeys},
		{"http", "http", httpKeys},
		{"server", "the daemon", serverKeys},
		{"tls", "a certificate", tlsKeys},
		{"token", "a token", tokenKeys},
		{"retention", "retention", retentionKeys},
		{"notify", "notifications", notifyKeys},
		{"channel", "a channel", channelKeys},
		{"robot", "a robot", robotKeys},
		{"mail", "mail", mailKeys},
		{"notify_rule", "a rule of notifications", notifyRuleKeys},
	}
}

// WorkflowSchema is the JSON Schema of workflow files, in draft-07, for editors: it completes and describes every key, every
// step of the catalogue with its inputs, and every word out of a list. It accepts every file that Parse accepts; what needs
// more than a look at one place (names in expressions, ids, calls) only Parse finds. The text ends with a line break.
func WorkflowSchema(catalogue Catalogue) ([]byte, error) {
	return schemaText(catalogue, workflowKind, "A workflow of youmiflow")
}

// ProjectSchema is the JSON Schema of youmiflow.yaml, like WorkflowSchema.
func ProjectSchema(catalogue Catalogue) ([]byte, error) {
	return schemaText(catalogue, projectKind, "The settings of a youmiflow project")
}

// schemaText is the schema of one kind of object with all that it leads to.
func schemaText(catalogue Catalogue, kind, title string) ([]byte, error) {
	all := schemaDefinitions(catalogue)
	root := all[kind]
	delete(all, kind)
	root.Schema, root.Title = schemaDialect, title
	var err error
	if root.Definitions, err = reached(root, all); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("writing the schema of %s: %w", kind, err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, plain, "", " "); err != nil {
		return nil, fmt.Errorf("writing the schema of %s: %w", kind, err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// schemaDefinitions are the schemas of all kinds of objects, and of what goes into `with` of each step.
func schemaDefinitions(catalogue Catalogue) map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{"operations": knownOperations(catalogue)}
	for _, one := range objectKinds() {
		all[one.name] = one.schema()
	}
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		all[inputsName(name)] = inputsSchema(step)
	}
	for name, rules := range objectRules() {
		all[name].AllOf = rules
	}
	all[stepKind].Properties["uses"] = catalogueShape(catalogue)
	all[stepKind].AllOf = append(stepRules(), catalogueRules(catalogue)...)
	return all
}

var reference = regexp.MustCompile(`"\$ref":"` + definitions + `([^"]+)"`)

// reached are the definitions that a schema leads to.
func reached(root *jsonschema.Schema, all map[string]*jsonschema.Schema) (map[string]*jsonschema.Schema, error) {
	found := map[string]*jsonschema.Schema{}
	for queue := []*jsonschema.Schema{root}; len(queue) > 0; queue = queue[1:] {
		text, err := json.Marshal(queue[0])
		if err != nil {
			return nil, fmt.Errorf("writing a schema: %w", err)
		}
		for _, match := range reference.FindAllSubmatch(text, -1) {
			name := string(match[1])
			switch one := all[name]; {
			case one == nil:
				return nil, fmt.Errorf("the schema refers to %q, which there is not", name)
			case found[name] == nil:
				found[name] = one
				queue = append(queue, one)
			}
		}
	}
	return found, nil
}

// schema is an object with its keys.
func (o objectKind) schema() *jsonschema.Schema {
	s := closedObject(o.keys.known)
	s.Title, s.Required = o.title, o.keys.needed
	for _, key := range o.keys.keys {
		property := key.holds()
		property.Description = key.about
		s.Properties[key.name] = property
	}
	return s
}

// closedObject is an object that has no other keys than these, which come later.
func closedObject(order []string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, PropertyOrder: order, AdditionalProperties: never()}
}

// never is the schema that nothing fits.
func never() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }

// knownOperations names the operations of the API, so that an editor can complete them.
func knownOperations(catalogue Catalogue) *jsonschema.Schema {
	s := namedShape(refShape("operation"))()
	s.Properties = map[string]*jsonschema.Schema{}
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		if step.Operation == nil || step.Operation.ID == "" {
			continue
		}
		operation := refShape("operation")()
		operation.Description = fmt.Sprintf("%s %s (%s): the step %s", step.Operation.Method, step.Operation.Path, step.Operation.Status, name)
		if known := s.Properties[step.Operation.ID]; known != nil {
			operation.Description = known.Description + ", " + name
		}
		s.Properties[step.Operation.ID] = operation
	}
	return s
}
