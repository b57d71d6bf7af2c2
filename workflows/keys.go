package workflows

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// entry is one key of an object with its value.
type entry struct{ key, value *yaml.Node }

// fields are the keys of an object that are known, in the order of the file.
type fields struct {
	node    *yaml.Node
	byName  map[string]entry
	entries []entry
}

// get returns a key's value; nil when the key is not there.
func (f fields) get(name string) *yaml.Node { return f.byName[name].value }

func (f fields) has(name string) bool {
	_, ok := f.byName[name]
	return ok
}

// key is one key of an object: what it holds, as editors are told, and what it is for.
type key struct {
	name  string
	holds shape
	about string
}

// keySet says which keys an object may have. The schema and the documents are made of the same.
type keySet struct {
	known  []string
	keys   []key
	needed []string // those without which the object is an error
}

// keySetOf are some keys in the order in which people write them.
func keySetOf(keys ...key) keySet {
	set := keySet{keys: keys}
	for _, one := range keys {
		set.known = append(set.known, one.name)
	}
	return set
}

// needing says which keys an object cannot be without.
func (k keySet) needing(names ...string) keySet {
	k.needed = names
	return k
}

// fields reads an object and reports duplicate and unknown keys.
func (d *decoder) fields(node *yaml.Node, what string, keys keySet) (fields, bool) {
	all, ok := d.object(node, what)
	if !ok {
		return all, false
	}
	kept := all.entries[:0:0]
	for _, e := range all.entries {
		name := e.key.Value
		if slices.Contains(keys.known, name) {
			kept = append(kept, e)
			continue
		}
		d.unknownKey(e.key, what, keys.known)
		delete(all.byName, name)
	}
	all.entries = kept
	return all, true
}

func (d *decoder) unknownKey(key *yaml.Node, what string, known []string) {
	message := fmt.Sprintf("%s has no key %q", what, key.Value)
	suggestion := diagnostic.Suggest(key.Value, known)
	if suggestion == "" && len(known) <= 20 {
		message += ": the keys are " + strings.Join(known, ", ")
	}
	d.add(d.text.spanOf(key), "unknown-key", message, suggestion)
}

// object reads an object with any keys and reports duplicate ones and keys that are no text.
func (d *decoder) object(node *yaml.Node, what string) (fields, bool) {
	if node.Kind != yaml.MappingNode {
		d.wrong(node, what, "an object (key: value)")
		return fields{}, false
	}
	all := fields{node: node, byName: make(map[string]entry, len(node.Content)/2)}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || isNull(key) {
			d.at(key, "wrong-type", "a key of %s must be plain text", what)
			continue
		}
		if strings.Contains(key.Value, "${{") {
			d.at(key, "wrong-type", "a key cannot be an expression")
			continue
		}
		if first, twice := all.byName[key.Value]; twice {
			d.at(key, "duplicate-key", "the key %q is there twice: it stands on line %d already", key.Value, first.key.Line)
			continue
		}
		e := entry{key, value}
		all.byName[key.Value] = e
		all.entries = append(all.entries, e)
	}
	return all, true
}
