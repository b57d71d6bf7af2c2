// Package steps is the catalogue: what each step takes and gives, and how it becomes a call of the API. One file per
// family, and one explicit list of them all in catalogue.go. A family is a table: an operation is one call (operation.go),
// a listing is read page by page by the foreach that goes over it (pages.go), and a param is an input with the field it
// becomes (param.go). It implements workflows.Catalogue and engine.Steps, and sees the API through the small interface API.
// It imports engine, workflows, internal/youmi, internal/audience, internal/fetch, internal/sheet and internal/expression.
package steps
