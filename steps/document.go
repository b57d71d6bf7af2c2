package steps

import (
	"fmt"
	"io"
	"strings"

	"youmiflow/workflows"
)

// Document writes the reference of all steps as Markdown; docs/reference/steps.md is made of it.
func (c *Catalogue) Document(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The steps\n\n")
	b.WriteString("<!-- Written by `go test ./steps -run TestReference -update`; change the catalogue in steps, not this file. -->\n\n")
	b.WriteString("What `uses` can name. `youmiflow steps NAME` prints the same. An effect decides retry and recovery: a `message` is\n")
	b.WriteString("sent at most once, `idempotent` and `read` calls are repeated when their outcome was not learned, `local` steps call nobody.\n")
	b.WriteString("The column API gives the name of a field as the platform spells it.\n")
	for _, name := range c.names {
		documentStep(&b, &c.entries[name].StepType)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func documentStep(b *strings.Builder, step *workflows.StepType) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\nEffect: `%s`.", step.Name, step.Summary, step.Effect)
	if o := step.Operation; o != nil {
		fmt.Fprintf(b, " Call: `%s %s` (%s).", o.Method, o.Path, o.Status)
	}
	b.WriteString("\n")
	if len(step.Inputs) > 0 {
		b.WriteString("\n| input | type | required | API | |\n| --- | --- | --- | --- | --- |\n")
		documentInputs(b, "", step.Inputs)
	}
	for _, choice := range step.OneOf {
		fmt.Fprintf(b, "\nExactly one of: %s.\n", documentChoice(choice))
	}
	if len(step.Outputs) > 0 {
		b.WriteString("\n| output | type | API | |\n| --- | --- | --- | --- |\n")
		documentOutputs(b, "", step.Outputs)
	}
	fmt.Fprintf(b, "\n```yaml\n- %s\n```\n", strings.ReplaceAll(strings.TrimSpace(step.Example), "\n", "\n  "))
}

func documentOutputs(b *strings.Builder, prefix string, fields []workflows.Field) {
	for _, field := range fields {
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, field.Name, documentType(field), code(field.APIName), field.Description)
		documentOutputs(b, prefix+field.Name+"[].", field.Fields)
	}
}

// documentInputs writes fields, each followed by the fields it holds.
func documentInputs(b *strings.Builder, prefix string, fields []workflows.Field) {
	for _, field := range fields {
		required := ""
		if field.Required {
			required = "yes"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s | %s |\n", prefix, field.Name, documentType(field), required, code(field.APIName), documentField(field))
		inner := prefix + field.Name + "."
		if field.Type.Element != nil {
			inner = prefix + field.Name + "[]."
		}
		documentInputs(b, inner, field.Fields)
	}
}

// documentType keeps the type of what is described field by field short.
func documentType(field workflows.Field) string {
	switch {
	case len(field.Fields) > 0 && field.Type.Element != nil:
		return "list of objects"
	case len(field.Fields) > 0:
		return "object"
	case field.Pattern == momentPattern:
		return "a date or a time"
	}
	return field.TypeName()
}

func documentField(field workflows.Field) string {
	text := field.Description
	switch {
	case len(field.Enum) == 1:
		text += fmt.Sprintf("; can only be `%v`", field.Enum[0])
	case len(field.Enum) > 1:
		values := make([]string, len(field.Enum))
		for i, value := range field.Enum {
			values[i] = fmt.Sprintf("`%v`", value)
		}
		text += "; one of " + strings.Join(values, ", ")
	}
	if field.Scalar != "" {
		text += fmt.Sprintf("; a bare text is its `%s`", field.Scalar)
	}
	for _, choice := range field.OneOf {
		text += "; exactly one of " + documentChoice(choice)
	}
	return text
}

func documentChoice(choice workflows.Choice) string {
	groups := make([]string, len(choice.Groups))
	for i, group := range choice.Groups {
		groups[i] = "`" + strings.Join(group, "` with `") + "`"
	}
	return strings.Join(groups, ", ")
}

func code(name string) string {
	if name == "" {
		return ""
	}
	return "`" + name + "`"
}
