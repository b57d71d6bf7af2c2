package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// applyingAgain is how soon a lane looks again whether the run's own steps hold the conversation that its items speak in.
const applyingAgain = time.Second

// outerGone reports whether the run's own steps have yet to apply again for a conversation that its items speak in: it was
// handed back while the run stood still, and they would speak in one that has ended.
func (e *Engine) outerGone(ctx context.Context, active *activeRun) (bool, error) {
	if wanted, _, _ := active.state(); wanted != WantRun {
		return false, nil
	}
	rows, err := e.Ledger.Steps(ctx, active.run.ID)
	if err != nil {
		return false, fmt.Errorf("reading the run's steps: %w", err)
	}
	handles := map[string]json.RawMessage{}
	for _, row := range rows {
		var outputs struct {
			Takeover json.RawMessage `json:"takeover"`
		}
		if !bytes.Contains(row.Outputs, []byte(`"takeover"`)) {
			continue
		}
		if err := json.Unmarshal(row.Outputs, &outputs); err != nil {
			return false, fmt.Errorf("step %s: reading its outputs: %w", row.Path, err)
		}
		handles[row.Path] = outputs.Takeover
	}
	if len(handles) == 0 {
		return false, nil
	}
	root, err := e.rootItem(ctx, active.run.ID)
	if err != nil || len(root.Progress) == 0 {
		return false, err
	}
	results := map[string]*result{}
	if err := decodeProgress(root.Progress, &results); err != nil {
		return false, fmt.Errorf("reading the progress of the run's own steps: %w", err)
	}
	for path, known := range handles {
		if end := results[path+releaseSuffix]; end != nil && end.Status == "" {
			return true, nil // it was being handed back when a process ended
		}
		gone, err := results[path].gone(known)
		if gone || err != nil {
			return gone, err
		}
	}
	return false, nil
}

// gone reports whether a step that applies for a conversation does so again, or has, and what is known of it is of the one
// before.
func (r *result) gone(known json.RawMessage) (bool, error) {
	if r == nil {
		return false, nil
	}
	if r.Status == "" {
		return true, nil
	}
	held, ok := r.Outputs["takeover"]
	if !ok {
		return false, nil // it has no more use for it
	}
	text, err := json.Marshal(held)
	if err != nil {
		return false, fmt.Errorf("writing a handle: %w", err)
	}
	return !sameDocument(text, known), nil
}

// sameDocument reports whether two JSON texts say the same.
func sameDocument(a, b json.RawMessage) bool {
	canonical := func(text json.RawMessage) []byte {
		var value any
		if json.Unmarshal(text, &value) != nil {
			return text
		}
		again, err := json.Marshal(value)
		if err != nil {
			return text
		}
		return again
	}
	return bytes.Equal(canonical(a), canonical(b))
}
