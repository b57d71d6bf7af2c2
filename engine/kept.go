package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"sync"
)

// kept is what the steps of an item gave so far. The branches of a parallel step share it: a result is never changed once
// it is here, but replaced, so that the item's progress can be written while others work.
type kept struct {
	mu      sync.Mutex
	results map[string]*result
	status  Status   // of the item in the ledger, once everything appended is committed
	passed  []string // what a test send left out
	out     *leftOut // why the item's remaining steps are left out; nil: they are not
}

func newKept() *kept { return &kept{results: map[string]*result{}, status: StatusPending} }

// result returns what a step gave, as a copy that its step may go on with; nil when it was not begun.
func (s *scope) result(path string) *result {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if r := s.kept.results[path]; r != nil {
		return r.clone()
	}
	return nil
}

// keep remembers how a step stands.
func (s *scope) keep(path string, r *result) {
	r = r.clone()
	s.kept.mu.Lock()
	s.kept.results[path] = r
	s.kept.mu.Unlock()
}

// entries is how many steps the item has something of.
func (s *scope) entries() int {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return len(s.kept.results)
}

// begun reports whether a call of the item has been tried.
func (s *scope) begun() bool {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	for _, r := range s.kept.results {
		if r.Attempts > 0 {
			return true
		}
	}
	return false
}

// holding lists the steps whose takeover is held, or may be.
func (s *scope) holding() []string {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.holding()
}

func (k *kept) holding() []string {
	var paths []string
	for path, r := range k.results {
		if r.Takeover == TakeoverHeld || r.Takeover == TakeoverIntended {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	return paths
}

func (r *result) clone() *result {
	copied := *r
	return &copied
}

// save commits an outcome together with the item's progress, without waiting for it: whatever the item does next is
// appended behind it.
func (s *scope) save(ctx context.Context, changes []Change) error {
	s.kept.mu.Lock() // until it is appended: nobody's older progress may follow
	defer s.kept.mu.Unlock()
	change, err := s.written(StatusPending, "")
	if err != nil {
		return err
	}
	s.receipts = append(s.receipts, s.engine.Ledger.Append(ctx, Entry{Changes: append(changes, change)}))
	s.kept.status = StatusPending
	return nil
}

// move brings the item to a status, from the one that it has.
func (s *scope) move(status Status, reason string) SetItem {
	return SetItem{ID: s.item.ID, Run: s.item.Run, Step: s.item.Step, From: s.kept.status, To: status, Reason: reason}
}

// progress does so, and keeps what its steps gave.
func (s *scope) progress(status Status, reason string) (SetItem, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.written(status, reason)
}

func (s *scope) written(status Status, reason string) (SetItem, error) {
	change := s.move(status, reason)
	if len(s.kept.results) == 0 {
		return change, nil
	}
	text, err := json.Marshal(s.kept.results)
	if err != nil {
		return change, fmt.Errorf("item %q: writing its progress: %w", s.item.Key, err)
	}
	change.Progress = text
	return change, nil
}
