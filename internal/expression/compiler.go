package expression

import (
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/types"
)

// Compiler compiles many expressions over the same types, such as those of one file. It must not be used by two goroutines
// at once; the programs that it makes may.
type Compiler struct {
	functions map[string]types.Type
	builtins  conf.FunctionsTable
	known     map[objectKey]known
	cache     nature.Cache
}

// objectKey tells an object type by the map of its fields.
type objectKey struct {
	fields uintptr
	open   bool
}

// known is an object type as the checker sees it, made once. It holds on to the fields, so that no other map takes their
// place in memory.
type known struct {
	nature nature.Nature
	fields map[string]Type
}

// asType lets what is known already stand where expr wants a type, such as that of a list's elements.
type asType struct {
	types.Type
	nature nature.Nature
}

// Nature is what was made of the type before.
func (t asType) Nature() nature.Nature { return t.nature }

// NewCompiler makes a Compiler.
func NewCompiler() *Compiler {
	k := &Compiler{functions: ownFunctions(), builtins: make(conf.FunctionsTable, len(builtin.Builtins)), known: map[objectKey]known{}}
	for _, f := range builtin.Builtins {
		k.builtins[f.Name] = f
	}
	return k
}

// config is what conf.New makes, with one table of functions and one cache of types for all expressions, and of the names
// only those that occur in the text: no others are asked for.
func (k *Compiler) config(source string, scope Scope) *conf.Config {
	names := k.object(Type{Kind: Object})
	for name, t := range k.functions {
		if strings.Contains(source, name) {
			names.Fields[name] = t.Nature()
		}
	}
	for name, t := range scope {
		if !strings.Contains(source, name) {
			continue
		}
		if t.Kind == Object {
			names.Fields[name] = k.object(t)
		} else {
			names.Fields[name] = k.nature(t)
		}
	}
	return &conf.Config{
		Optimize: true, ShortCircuit: true, MaxNodes: maxNodes, Env: names, Strict: true, NtCache: k.cache,
		ConstFns: map[string]reflect.Value{}, Functions: conf.FunctionsTable{}, Builtins: k.builtins, Disabled: map[string]bool{},
	}
}

// nature translates a type for expr's checker; objects once.
func (k *Compiler) nature(t Type) nature.Nature {
	if t.Kind != Object {
		return k.plain(t).Nature()
	}
	key := objectKey{reflect.ValueOf(t.Fields).Pointer(), t.Open}
	made, ok := k.known[key]
	if !ok {
		made = known{k.object(t), t.Fields}
		k.known[key] = made
	}
	return made.nature
}

func (k *Compiler) plain(t Type) types.Type {
	switch t.Kind {
	case Bool:
		return types.Bool
	case Integer:
		return types.Int
	case Number:
		return types.Float64
	case String:
		return types.String
	case Time:
		return types.TypeOf(time.Time{})
	case Duration:
		return types.TypeOf(time.Duration(0))
	case List:
		if t.Element == nil {
			return types.Array(types.Any)
		}
		return types.Array(asType{types.Any, k.nature(*t.Element)})
	case Opaque:
		return opaqueType{t.Name}
	}
	return types.Any
}

// object is what types.Map makes.
func (k *Compiler) object(t Type) nature.Nature {
	n := nature.NatureOf(map[string]any{})
	n.TypeData = &nature.TypeData{Fields: make(map[string]nature.Nature, len(t.Fields))}
	n.Strict = !t.Open
	for name, field := range t.Fields {
		n.Fields[name] = k.nature(field)
	}
	if t.Open {
		anything := types.Any.Nature()
		n.DefaultMapValue = &anything
	}
	return n
}
