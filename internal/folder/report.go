package folder

import (
	"context"
	"log/slog"

	"youmiflow/internal/diagnostic"
)

// report logs what is new in a Snapshot: each change of a file's state once.
func (f *Folder) report(ctx context.Context, before, next *Snapshot) {
	if before == nil {
		before = &Snapshot{}
	}
	f.reportProblems(ctx, before, next)
	for _, loaded := range next.Workflows {
		f.reportWorkflow(before, loaded)
	}
	for _, old := range before.Workflows {
		if _, there := next.Find(old.Name); !there {
			f.config.Logger.Info("a workflow is gone and starts nothing any more", "workflow", old.Name, "file", old.File)
		}
	}
}

func (f *Folder) reportProblems(ctx context.Context, before, next *Snapshot) {
	known := map[string]bool{}
	for _, problem := range before.Problems {
		known[problem.String()] = true
	}
	for _, problem := range next.Problems {
		if known[problem.String()] {
			delete(known, problem.String())
			continue
		}
		level := slog.LevelError
		if problem.Severity == diagnostic.Warning {
			level = slog.LevelWarn
		}
		f.config.Logger.Log(ctx, level, problem.Message, "file", problem.File, "line", problem.Line,
			"column", problem.Column, "code", problem.Code)
	}
}

func (f *Folder) reportWorkflow(before *Snapshot, loaded Loaded) {
	log := f.config.Logger
	old, there := before.Find(loaded.Name)
	switch {
	case loaded.Broken && loaded.Workflow != nil && !old.Broken:
		log.Warn("a workflow has errors: its last good version stays in force", "workflow", loaded.Name, "file", loaded.File)
	case loaded.Broken && (!there || !old.Broken):
		log.Warn("a workflow has errors, and never had a good version", "workflow", loaded.Name, "file", loaded.File)
	case loaded.Broken || before.Number == 0:
	case loaded.Digest() != old.Digest():
		log.Info("a workflow was loaded", "workflow", loaded.Name, "file", loaded.File, "digest", loaded.Digest())
	case old.Broken:
		log.Info("a workflow has no errors any more", "workflow", loaded.Name, "file", loaded.File)
	}
}
