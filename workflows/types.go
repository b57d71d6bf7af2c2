package workflows

import (
	"fmt"
	"strings"
	"time"

	"youmiflow/internal/expression"
)

// typeOf is the type of a literal scalar.
func typeOf(value any) expression.Type {
	switch value.(type) {
	case bool:
		return expression.Type{Kind: expression.Bool}
	case int:
		return expression.Type{Kind: expression.Integer}
	case float64:
		return expression.Type{Kind: expression.Number}
	case string:
		return expression.Type{Kind: expression.String}
	case time.Time:
		return expression.Type{Kind: expression.Time}
	case time.Duration:
		return expression.Type{Kind: expression.Duration}
	}
	return expression.Type{Kind: expression.Any}
}

// wantName says what a field takes, for messages.
func wantName(t expression.Type) string {
	if t.Kind == expression.Opaque {
		return fmt.Sprintf("the %s that a step gives, as in ${{ steps.ID.%s }}", t.Name, t.Name)
	}
	return kindName(t.Kind)
}

// typeName names a type, for messages.
func typeName(t expression.Type) string {
	if t.Kind == expression.Opaque {
		return "the handle of " + strings.TrimPrefix(t.Name, "the ")
	}
	return kindName(t.Kind)
}

// parseTime reads a time with its offset, as RFC 3339.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2026-11-11T10:00:00+08:00", s)
	}
	return t, nil
}
