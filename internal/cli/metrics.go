package cli

import (
	"net/http"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/metrics"
)

// count has everything counted that this process does from now on.
func (a *app) count() { a.metrics = metrics.New(a.Version) }

// observe is what the ledger tells of its commits; nil when nobody counts.
func (a *app) observe() func(time.Duration, int) {
	if a.metrics == nil {
		return nil
	}
	return a.metrics.Commit
}

func (a *app) counted(limiter engine.Limiter) engine.Limiter {
	if a.metrics == nil {
		return limiter
	}
	return a.metrics.Limiter(limiter, time.Now)
}

func (a *app) countedSteps(steps engine.Steps) engine.Steps {
	if a.metrics == nil {
		return steps
	}
	return a.metrics.Steps(steps)
}

// lost is what the engine tells of calls that an earlier process left without an answer; nil when nobody counts.
func (a *app) lost() func(engine.Call) {
	if a.metrics == nil {
		return nil
	}
	return a.metrics.Lost
}

// openMetrics puts the page for Prometheus on the server. It holds no customer's data, and is open to whoever reaches the
// server: that is nobody but this machine unless it listens elsewhere.
func (d *daemon) openMetrics() {
	d.app.metrics.Watch(d.ledger, d.sandboxed, func() int { return brokenFiles(d.folder.Snapshot().Problems) }, func() bool { return d.stale.Load() != nil })
	d.web.Mount("GET /metrics", guarded(d.app.metrics.Page()))
}

// brokenFiles counts the files that have errors, each once.
func brokenFiles(problems diagnostic.List) int {
	files := map[string]bool{}
	for _, one := range problems {
		if one.Severity != diagnostic.Warning {
			files[one.File] = true
		}
	}
	return len(files)
}

// guarded keeps other sites' scripts from reading a page through somebody's browser.
func guarded(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	})
}
