package result

import "youmiflow/workflows"

// Step is a step of the catalogue as `steps` prints it.
type Step struct {
	Name      string               `json:"name"`
	Effect    workflows.Effect     `json:"effect"`
	Summary   string               `json:"summary"`
	Operation *workflows.Operation `json:"operation"`
	Inputs    []Field              `json:"inputs"`
	Outputs   []Field              `json:"outputs"`
	Example   string               `json:"example"`
}

// Field is an input or an output of a step.
type Field struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
	APIName     string `json:"api_name"`
	Description string `json:"description"`
}

// OfStep shows a step of the catalogue.
func OfStep(entry *workflows.StepType) Step {
	return Step{Name: entry.Name, Effect: entry.Effect, Summary: entry.Summary, Operation: entry.Operation,
		Inputs: ofFields(entry.Inputs), Outputs: ofFields(entry.Outputs), Example: entry.Example}
}

func ofFields(fields []workflows.Field) []Field {
	shown := make([]Field, len(fields))
	for i, field := range fields {
		shown[i] = Field{Name: field.Name, Type: field.TypeName(), Required: field.Required, APIName: field.APIName,
			Description: field.Description}
	}
	return shown
}
