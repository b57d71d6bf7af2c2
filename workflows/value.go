package workflows

// Value is a YAML value that may hold expressions: a scalar that is one whole `${{ }}` keeps the expression's type,
// text around expressions makes a string, lists and objects hold Values.
//
//	(*Value) Eval(names map[string]any) (any, error)   // any of nil, bool, int, float64, string, []any, map[string]any, …
//	(*Value) Literal() (any, bool)                     // the value, when no expression is in it
