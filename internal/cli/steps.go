package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
)

func (a *app) stepsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "steps [NAME]",
		Short: "The steps a workflow can use, with inputs, outputs and examples",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			catalogue, err := steps.New(steps.Config{})
			if err != nil {
				return err
			}
			if len(arguments) == 0 {
				return a.listSteps(catalogue)
			}
			return a.showStep(catalogue, arguments[0])
		},
	}
	a.outputFlag(c)
	return c
}

func (a *app) listSteps(catalogue *steps.Catalogue) error {
	list := newListing(a.output, a.Stdout, "NAME", "EFFECT", "API", "SUMMARY")
	for _, name := range catalogue.Names() {
		entry, _ := catalogue.Lookup(name)
		status := ""
		if entry.Operation != nil {
			status = entry.Operation.Status
		}
		if err := list.add(result.OfStep(entry), entry.Name, string(entry.Effect), status, entry.Summary); err != nil {
			return err
		}
	}
	return list.end()
}

func (a *app) showStep(catalogue *steps.Catalogue, name string) error {
	entry, ok := catalogue.Lookup(name)
	if !ok {
		hint := ""
		if near := diagnostic.Suggest(name, catalogue.Names()); near != "" {
			hint = fmt.Sprintf(", did you mean %q", near)
		}
		return usage("there is no step %q%s; see: youmiflow steps", name, hint)
	}
	view := result.OfStep(entry)
	if a.output != "table" {
		return a.one([]result.Step{view}, nil)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\neffect: %s\n", view.Name, view.Summary, view.Effect)
	if view.Operation != nil {
		fmt.Fprintf(&b, "API: %s, %s %s (%s)\n", view.Operation.ID, view.Operation.Method, view.Operation.Path, view.Operation.Status)
	}
	writeFields(&b, "inputs", view.Inputs)
	writeFields(&b, "outputs", view.Outputs)
	fmt.Fprintf(&b, "\nexample:\n%s\n", strings.TrimRight(view.Example, "\n"))
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}

func writeFields(b *strings.Builder, title string, fields []result.Field) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, field := range fields {
		kind := field.Type
		if field.Required {
			kind += ", required"
		}
		if field.APIName != "" {
			kind += ", " + field.APIName + " in the API"
		}
		fmt.Fprintf(b, "  %s (%s)\n      %s\n", field.Name, kind, field.Description)
	}
}
