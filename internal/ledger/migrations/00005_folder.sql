-- +goose Up

-- The version of each file that is in force: what a daemon starts with where the file is broken by then. The texts, and
-- those that they call, are in workflow_version.
CREATE TABLE workflow_current (
    file       TEXT PRIMARY KEY, -- relative to the project's folder
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    calls      TEXT -- JSON: digests by the names in calls; NULL for none
) WITHOUT ROWID;
