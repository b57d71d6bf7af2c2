// Package sandbox imitates the Youmi open API: an http.Handler that answers the token endpoint and the operations of
// internal/youmi's openapi.yaml, remembers what it was told to deliver and to take over, and fails on request. What
// no public page of the API shows is not imitated but chosen, and docs/sandbox.md lists it.
//
// It may import internal/youmi for the document and the names of its operations, and nothing else of this project.
//
// # Control
//
// Beside the API it serves, under /_sandbox/ and without a token:
//
//	GET  /_sandbox/deliveries  the kept deliveries, oldest first: an array of Delivery; ?account=, ?friend= and ?limit= (the last so many) narrow it
//	GET  /_sandbox/takeovers   the takeovers: an array of Takeover; ?state=open or ?state=ended narrows it
//	GET  /_sandbox/stats       Stats
//	GET  /_sandbox/faults      the faults in force: an array of FaultCount
//	POST /_sandbox/faults      replaces them by an array of faults in text form, such as ["doSendPublicMes:lose:1%"]; [] removes all
//	POST /_sandbox/reset       forgets deliveries and takeovers, empties the journal, and counts faults from zero again
//
// A refused control request answers 4xx with {"error": "..."}.
package sandbox
