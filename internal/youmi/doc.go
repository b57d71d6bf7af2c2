// Package youmi is the client of the Youmi aggregator open API (友米聚合 开放API): its description (openapi.yaml), the token,
// the envelope, errors that say whether anything was done, and one file of typed methods per resource. It knows nothing
// of workflows and imports nothing else of this project.
package youmi
