-- +goose Up

-- The instants of runs that are forgotten: nothing fires twice, however old.
CREATE TABLE fired (
    workflow     TEXT NOT NULL,
    scheduled_at INTEGER NOT NULL,
    sandbox      INTEGER NOT NULL,
    PRIMARY KEY (workflow, scheduled_at, sandbox)
) WITHOUT ROWID;

-- Runs that may be forgotten are found without looking through all.
CREATE INDEX run_finished ON run (finished_at) WHERE finished_at <> 0;
