package workflows

import "errors"

// Value is a YAML value that may hold expressions: a scalar that is one whole `${{ }}` keeps the expression's type,
// text around expressions makes a string, lists and objects hold Values.
type Value struct{}

// Eval computes the value: nil, bool, int, float64, string, []any, map[string]any, or whatever an expression gave.
func (v *Value) Eval(names map[string]any) (any, error) { return nil, errors.New("not written yet") }

// Literal is the value itself, when no expression is in it.
func (v *Value) Literal() (any, bool) { return nil, false }
