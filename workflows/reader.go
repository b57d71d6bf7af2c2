package workflows

import (
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// Reader reads a YAML file that belongs to workflows without being one, such as a file of tests: by the same rules, with the
// same problems at their places. What reads a part answers false when it has reported why that is not what is needed.
type Reader struct{ decoder }

// NewReader reads a source into its one document; nil when there is none, and then the problems say why, or the file is
// empty.
func NewReader(file string, source []byte) (*Reader, *yaml.Node) {
	r := &Reader{decoder{problems: &problems{file: file}}}
	return r, r.read(source)
}

// ReadFile reads a file for a Reader: at most MaxSource bytes, and one more of one that is larger. A file that cannot be read
// is a problem.
func ReadFile(path string) ([]byte, diagnostic.List) { return readFile(path) }

// NodeField is one key of an object, with its value.
type NodeField struct{ Key, Value *yaml.Node }

// Problems are all that were found, by place.
func (r *Reader) Problems() diagnostic.List { return r.sorted() }

// Span is where a node stands.
func (r *Reader) Span(node *yaml.Node) diagnostic.Span { return r.text.spanOf(node) }

// Fail reports an error at a node; suggestion is what to write instead, or "".
func (r *Reader) Fail(node *yaml.Node, code, message, suggestion string) {
	r.add(r.text.spanOf(node), code, message, suggestion)
}

// FailAll reports an error of the file as a whole.
func (r *Reader) FailAll(code, message string) { r.add(start, code, message, "") }

// Object reads an object that may have the known keys only.
func (r *Reader) Object(node *yaml.Node, what string, known ...string) (map[string]*yaml.Node, bool) {
	all, ok := r.fields(node, what, keySet{known: known})
	values := make(map[string]*yaml.Node, len(all.entries))
	for _, e := range all.entries {
		values[e.key.Value] = e.value
	}
	return values, ok
}

// Fields reads an object in the order of the file; with the known keys only, where there are any.
func (r *Reader) Fields(node *yaml.Node, what string, known ...string) ([]NodeField, bool) {
	read := r.object
	if len(known) > 0 {
		read = func(node *yaml.Node, what string) (fields, bool) { return r.fields(node, what, keySet{known: known}) }
	}
	all, ok := read(node, what)
	list := make([]NodeField, len(all.entries))
	for i, e := range all.entries {
		list[i] = NodeField{e.key, e.value}
	}
	return list, ok
}

// Items reads a list.
func (r *Reader) Items(node *yaml.Node, what string) ([]*yaml.Node, bool) { return r.items(node, what) }

// Text reads text that is not empty.
func (r *Reader) Text(node *yaml.Node, what string) (string, bool) { return r.str(node, what) }

// Scalar reads any scalar but null as the text that it is written as.
func (r *Reader) Scalar(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		r.wrong(node, what, "text")
		return "", false
	}
	return node.Value, true
}

// Integer reads a whole number between two bounds.
func (r *Reader) Integer(node *yaml.Node, what string, least, most int) (int, bool) {
	return r.integer(node, what, least, most)
}

// Duration reads a positive duration such as 30s, 2m or 7d.
func (r *Reader) Duration(node *yaml.Node, what string) (time.Duration, bool) {
	return r.duration(node, what)
}

// Plain reads a node as the value that it stands for: nil, bool, int, float64, string, []any or map[string]any. A date is
// text.
func (r *Reader) Plain(node *yaml.Node, what string) (any, bool) {
	switch node.Kind {
	case yaml.MappingNode:
		all, ok := r.object(node, what)
		object := make(map[string]any, len(all.entries))
		for _, e := range all.entries {
			value, sound := r.Plain(e.value, e.key.Value)
			object[e.key.Value], ok = value, ok && sound
		}
		return object, ok
	case yaml.SequenceNode:
		list, ok := make([]any, len(node.Content)), true
		for i, item := range node.Content {
			value, sound := r.Plain(item, what)
			list[i], ok = value, ok && sound
		}
		return list, ok
	}
	return r.plain(node, what)
}

func (r *Reader) plain(node *yaml.Node, what string) (any, bool) {
	switch node.Tag {
	case "!!null":
		return nil, true
	case "!!bool":
		return r.boolean(node, what)
	case "!!int":
		n, err := parseInteger(node.Value)
		if err != nil {
			r.at(node, "wrong-type", "%s: %s", what, err)
		}
		return n, err == nil
	case "!!float":
		var value float64
		if err := node.Decode(&value); err != nil {
			r.wrong(node, what, "a number")
			return nil, false
		}
		return value, true
	}
	return node.Value, true
}
