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
func stepNames(r *result) map[string]any {
	names := make(map[string]any, len(r.Outputs)+6)
	maps.Copy(names, r.Outputs)
	names["status"] = string(r.Status)
	names["succeeded"] = r.Status == StatusSucceeded
	names["failed"] = r.Status == StatusFailed
	names["skipped"] = r.Status == StatusSkipped
	names["unknown"] = r.Status == StatusUnknown
	failure := map[string]any{"code": "", "message": ""}
	if r.Error != nil {
		failure["code"], failure["message"] = r.Error.Code, r.Error.Message
	}
	names["error"] = failure
	return names
}
