// Package steps is the catalogue: what each step takes and gives, and how it becomes a call of the API. One file per
// family, and one explicit list of them all in catalogue.go. It implements workflows.Catalogue and engine.Steps, and sees
// the API through the small interface API. It imports engine, workflows, internal/youmi, internal/audience and
// internal/expression.
package steps
