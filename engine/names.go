package engine

import (
	"maps"
	"time"
)

// runNames are what every expression of a run sees.
func runNames(run Run, params map[string]any) map[string]any {
	began := run.StartedAt
	if began.IsZero() {
		began = run.CreatedAt
	}
	scheduled := any(run.ScheduledAt)
	if run.ScheduledAt.IsZero() {
		scheduled = began
	}
	return map[string]any{
		"params": params,
		"event":  eventOf(run),
		"run": map[string]any{
			"id": run.ID, "workflow": run.Workflow, "trigger": run.Trigger,
			"scheduled_at": scheduled, "started_at": began,
		},
		// Recorded with the run, so that a resumed run sees the same time.
		"now":   func() time.Time { return run.CreatedAt },
		"steps": map[string]any{},
	}
}

// stepNames is what `steps.ID` holds for a result.
func stepNames(r *result) map[string]any { return fillNames(nil, r) }

// ownNames is how many names `steps.ID` holds besides the outputs.
const ownNames = 6

// spareNames are those of a step of an item that has ended, to be used again.
type spareNames struct {
	names   map[string]any
	status  Status // that they say; "" where nothing of them can be kept
	outputs int    // how many of them are outputs
}

// fill makes them those of another result. Most are as they were: eight entries a step are much for a million rows.
func (n *spareNames) fill(r *result) map[string]any {
	if r.Error == nil && r.Status == n.status && len(r.Outputs) == n.outputs {
		maps.Copy(n.names, r.Outputs)
		if len(n.names) == n.outputs+ownNames { // the outputs have the names of those before
			return n.names
		}
	}
	n.names, n.status, n.outputs = fillNames(n.names, r), "", len(r.Outputs)
	if r.Error == nil && len(n.names) == n.outputs+ownNames {
		n.status = r.Status
	}
	return n.names
}

// fillNames does so in a map that is not used any more; nil makes a new one.
func fillNames(names map[string]any, r *result) map[string]any {
	failure, _ := names["error"].(map[string]any)
	if clear(names); names == nil {
		names = make(map[string]any, len(r.Outputs)+6)
	}
	if failure == nil {
		failure = make(map[string]any, 2)
	}
	maps.Copy(names, r.Outputs)
	names["status"] = string(r.Status)
	names["succeeded"] = r.Status == StatusSucceeded
	names["failed"] = r.Status == StatusFailed
	names["skipped"] = r.Status == StatusSkipped
	names["unknown"] = r.Status == StatusUnknown
	failure["code"], failure["message"] = "", ""
	if r.Error != nil {
		failure["code"], failure["message"] = r.Error.Code, r.Error.Message
	}
	names["error"] = failure
	return names
}
