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
//	GET  /_sandbox/todos       the todos: an array of Todo
//	POST /_sandbox/todos/done  {"id": 1}: marks a todo as done, as staff would
//	GET  /_sandbox/bulk-sends  the bulk sends that were saved: an array of BulkSend
//	GET  /_sandbox/callbacks   where events are pushed to: an array of Callback
//	POST /_sandbox/reply       {"account", "friend", "text"}: the customer writes
//	POST /_sandbox/task-result {"task_id", "succeed", "text"}: pushes an rpaTaskResult for a delivery
//	POST /_sandbox/device-fault {"account", "text"}: pushes a device fault
//	POST /_sandbox/event       {"type", "account", "friend", "values"}: pushes any event; type is 0 to 8, or a name of version 2
//	POST /_sandbox/reset       forgets deliveries and takeovers, empties the journal, and counts faults from zero again
//
// A refused control request answers 4xx with {"error": "..."}.
package sandbox
