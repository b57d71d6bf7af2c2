package expression

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/types"
)

// opaqueValue stands for every Opaque in the checker: a type without fields, methods or operators.
type opaqueValue struct{}

// opaqueType is the checker's view of one Opaque. The name travels in a field of the nature that the checker keeps
// for maps only.
type opaqueType struct{ name string }

func (o opaqueType) Nature() nature.Nature {
	n := nature.NatureOf(opaqueValue{})
	if n.TypeData == nil {
		n.TypeData = new(nature.TypeData)
	}
	n.Fields = map[string]nature.Nature{o.name: {}}
	return n
}

func (o opaqueType) Equal(t types.Type) bool { return t == types.Any || t == types.Type(o) }
func (o opaqueType) String() string          { return o.name }

// typeOf is what the checker found out about a node. An object written out in the expression has exactly the fields it
// shows, which the checker itself does not keep.
func typeOf(node ast.Node) Type {
	literal, ok := node.(*ast.MapNode)
	if !ok {
		return fromNature(node.Nature())
	}
	object := Type{Kind: Object, Fields: make(map[string]Type, len(literal.Pairs))}
	for _, p := range literal.Pairs {
		pair := p.(*ast.PairNode)
		if key, ok := pair.Key.(*ast.StringNode); ok {
			object.Fields[key.Value] = typeOf(pair.Value)
		} else {
			object.Open = true
		}
	}
	return object
}

func fromNature(n *nature.Nature) Type {
	switch {
	case n.Type == nil:
		return Type{}
	case n.IsTime():
		return Type{Kind: Time}
	case n.IsDuration():
		return Type{Kind: Duration}
	case isOpaque(n):
		return Type{Kind: Opaque, Name: opaqueName(n)}
	case n.IsInteger:
		return Type{Kind: Integer}
	case n.IsFloat:
		return Type{Kind: Number}
	case n.Type.PkgPath() != "":
		return Type{} // a weekday, a month: nothing a workflow needs to know
	}
	switch n.Kind {
	case reflect.Bool:
		return Type{Kind: Bool}
	case reflect.String:
		return Type{Kind: String}
	case reflect.Slice, reflect.Array:
		return listFromNature(n)
	case reflect.Map:
		return objectFromNature(n)
	}
	return Type{}
}

func listFromNature(n *nature.Nature) Type {
	list := Type{Kind: List}
	element := n.Elem(nil)
	if t := fromNature(&element); t.Kind != Any {
		list.Element = &t
	}
	return list
}

func objectFromNature(n *nature.Nature) Type {
	object := Type{Kind: Object, Open: !n.Strict}
	if n.TypeData != nil && len(n.Fields) > 0 {
		object.Fields = make(map[string]Type, len(n.Fields))
		for name, field := range n.Fields {
			object.Fields[name] = fromNature(&field)
		}
	}
	return object
}

func isOpaque(n *nature.Nature) bool { return n.Type == reflect.TypeFor[opaqueValue]() }

func opaqueName(n *nature.Nature) string {
	if n.TypeData != nil {
		for name := range n.Fields {
			return name
		}
	}
	return ""
}

// fits reports whether a value of type got may stand where want is expected. What is only known when it runs, fits.
func fits(got, want Type) bool {
	if got.Kind == Any || want.Kind == Any {
		return true
	}
	if got.Kind == Integer && want.Kind == Number {
		return true
	}
	if got.Kind != want.Kind {
		return false
	}
	switch want.Kind {
	case Opaque:
		return got.Name == want.Name
	case List:
		return got.Element == nil || want.Element == nil || fits(*got.Element, *want.Element)
	case Object:
		return objectFits(got, want)
	}
	return true
}

func objectFits(got, want Type) bool {
	for name, field := range got.Fields {
		wanted, known := want.Fields[name]
		if !known && !want.Open || known && !fits(field, wanted) {
			return false
		}
	}
	return true
}

// String says the type in words for a person who does not program: "a yes/no value", "a list".
func (t Type) String() string {
	switch t.Kind {
	case Bool:
		return "a yes/no value"
	case Integer:
		return "a whole number"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Time:
		return "a time"
	case Duration:
		return "a duration"
	case List:
		return "a list"
	case Object:
		return "an object"
	case Opaque:
		return withArticle(t.Name)
	}
	return "a value"
}

func withArticle(noun string) string {
	switch {
	case noun == "":
		return "a value of its own kind"
	case strings.HasSuffix(noun, "s"):
		return noun // "rows"
	case strings.ContainsRune("aeiou", rune(noun[0])):
		return "an " + noun
	}
	return "a " + noun
}

// describe says what kind of value was met when the expression ran, and never the value itself.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "empty"
	case bool:
		return "a yes/no value"
	case string:
		return "a string"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	case *time.Location:
		return "a time zone"
	default:
		return describeByShape(reflect.ValueOf(v))
	}
}

func describeByShape(v reflect.Value) string {
	switch {
	case v.CanInt(), v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "an object"
	}
	return "a value that can only be passed on"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
