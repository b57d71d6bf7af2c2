package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"youmiflow/engine"
	"youmiflow/internal/folder"
	"youmiflow/workflows"
)

var _ folder.Texts = (*Ledger)(nil)

// Current implements folder.Texts: by file.
func (l *Ledger) Current(ctx context.Context) ([]folder.Version, error) {
	return collect(ctx, l.read, func(row scanner) (folder.Version, error) {
		var v folder.Version
		var calls sql.NullString
		if err := row.Scan(&v.File, &v.Name, &v.Digest, &v.Commit, &calls); err != nil || !calls.Valid {
			return v, err
		}
		if err := json.Unmarshal([]byte(calls.String), &v.Calls); err != nil {
			return v, fmt.Errorf("what %s calls: %w", v.File, err)
		}
		return v, nil
	}, `SELECT file, name, digest, git_commit, calls FROM workflow_current ORDER BY file`)
}

// Text implements folder.Texts.
func (l *Ledger) Text(ctx context.Context, digest string) ([]byte, error) {
	version, err := l.Workflow(ctx, digest)
	return version.Source, err
}

// Keep implements folder.Texts. The texts carry the commit of the version that brought them.
func (l *Ledger) Keep(ctx context.Context, texts []*workflows.Resting, current []folder.Version, gone []string) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		commits := map[string]string{}
		for _, v := range current {
			commits[v.Digest] = v.Commit
			for _, digest := range v.Calls {
				commits[digest] = v.Commit
			}
		}
		for _, w := range texts {
			version := engine.WorkflowVersion{Digest: w.Digest, Name: w.Name, File: w.File, Commit: commits[w.Digest], Source: w.Source}
			if err := g.addWorkflow(version); err != nil {
				return err
			}
		}
		for _, file := range gone {
			if _, err := g.exec(`DELETE FROM workflow_current WHERE file = ?`, file); err != nil {
				return err
			}
		}
		for _, v := range current {
			if err := g.setCurrent(v); err != nil {
				return err
			}
		}
		return nil
	}}).Wait(ctx)
}

func (g *group) setCurrent(v folder.Version) error {
	var calls json.RawMessage
	if len(v.Calls) > 0 {
		var err error
		if calls, err = json.Marshal(v.Calls); err != nil {
			return err
		}
	}
	_, err := g.exec(`INSERT INTO workflow_current (file, name, digest, git_commit, calls) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET name = excluded.name, digest = excluded.digest, git_commit = excluded.git_commit, calls = excluded.calls`,
		v.File, v.Name, v.Digest, v.Commit, document(calls))
	return err
}
