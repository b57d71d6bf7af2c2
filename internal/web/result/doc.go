// Package result is how runs, items, plans and the rest look to programs: as JSON under the names of docs/json.md, the
// same from a command with --output json as from the REST API. It makes them of the rows of the engine, and decides
// nothing. It may import engine, workflows and what is below them.
package result
