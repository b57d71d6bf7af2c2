// Package events is the receiving end of what the platform pushes: an http.Handler that keeps every callback of
// version 1 and every event of version 2 before it acknowledges them, and keeps a repeated one once. What an event means
// to a workflow is not decided here.
//
// It may import internal/youmi for the shapes of times, and nothing else of this project. Where events are kept is
// somebody else's: see Store.
package events
