package expression

import (
	"reflect"
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
}

// objectKey tells an object type by the map of its fields.
type objectKey struct {
	fields uintptr
	open   bool
}

// known is an object type as the checker sees it, made once. It holds on to the fields, so that no other map takes their
// place in memory.
type known struct {
	types.Type
	nature nature.Nature
	fields map[string]Type
}

// Nature is what was made of the type the first time.
func (k known) Nature() nature.Nature { return k.nature }

// NewCompiler makes a Compiler.
func NewCompiler() *Compiler {
	k := &Compiler{functions: ownFunctions(), builtins: make(conf.FunctionsTable, len(builtin.Builtins)), known: map[objectKey]known{}}
	for _, f := range builtin.Builtins {
		k.builtins[f.Name] = f
	}
	return k
}

// config is what conf.CreateNew makes, with one table of functions for all.
func (k *Compiler) config() *conf.Config {
	return &conf.Config{
		Optimize: true, ShortCircuit: true, MaxNodes: maxNodes,
		ConstFns: map[string]reflect.Value{}, Functions: conf.FunctionsTable{}, Builtins: k.builtins, Disabled: map[string]bool{},
	}
}

// top translates the type of a name for expr's checker.
func (k *Compiler) top(t Type) types.Type {
	if t.Kind == Object {
		return k.object(t)
	}
	return k.within(t)
}

// within translates a type for expr's checker; objects once.
func (k *Compiler) within(t Type) types.Type {
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
		return types.Array(k.within(*t.Element))
	case Object:
		key := objectKey{reflect.ValueOf(t.Fields).Pointer(), t.Open}
		made, ok := k.known[key]
		if !ok {
			object := k.object(t)
			made = known{object, object.Nature(), t.Fields}
			k.known[key] = made
		}
		return made
	case Opaque:
		return opaqueType{t.Name}
	}
	return types.Any
}

func (k *Compiler) object(t Type) types.Map {
	fields := make(types.Map, len(t.Fields)+1)
	for name, field := range t.Fields {
		fields[name] = k.within(field)
	}
	if t.Open {
		fields[types.Extra] = types.Any
	}
	return fields
}
