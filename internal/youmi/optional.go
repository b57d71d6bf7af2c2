package youmi

import "encoding/json"

// Nullable is a field that may be left out, null, or have a value: where a page types a field "string or null", the three
// may differ. Its zero value is left out.
type Nullable[T any] struct {
	set   bool
	value *T
}

// Value is a field with a value.
func Value[T any](value T) Nullable[T] { return Nullable[T]{set: true, value: &value} }

// Null is a field that is null.
func Null[T any]() Nullable[T] { return Nullable[T]{set: true} }

// IsZero reports a field that is left out.
func (n Nullable[T]) IsZero() bool { return !n.set }

// Get returns the value; false when the field is null or left out.
func (n Nullable[T]) Get() (value T, ok bool) {
	if n.value == nil {
		return value, false
	}
	return *n.value, true
}

// MarshalJSON writes the value or null.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return encodeJSON(n.value) }

// UnmarshalJSON reads a value or null.
func (n *Nullable[T]) UnmarshalJSON(data []byte) error {
	n.set = true
	return json.Unmarshal(data, &n.value)
}
