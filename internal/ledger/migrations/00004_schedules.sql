-- +goose Up

-- What is known of a trigger; with name '' of all triggers of a workflow, of which only paused counts.
CREATE TABLE schedule (
    workflow      TEXT NOT NULL,
    name          TEXT NOT NULL,
    sandbox       INTEGER NOT NULL, -- 1: of rehearsals
    definition    TEXT NOT NULL, -- what its instants follow from
    considered_at INTEGER NOT NULL, -- every instant up to here has had its chance
    next_at       INTEGER NOT NULL, -- 0: none
    paused        INTEGER NOT NULL,
    fired_at      INTEGER NOT NULL, -- the last instant that became a run
    fired_run     TEXT NOT NULL,
    last_at       INTEGER NOT NULL, -- the last instant that came to anything
    last_outcome  TEXT NOT NULL, -- 'fired', 'skipped', 'missed' or ''
    last_reason   TEXT NOT NULL,
    fired         INTEGER NOT NULL, -- how many
    skipped       INTEGER NOT NULL,
    missed        INTEGER NOT NULL,
    PRIMARY KEY (workflow, name, sandbox)
) WITHOUT ROWID;

-- Counts what people change of schedules, so that a daemon need not read them all to see that nothing is new.
CREATE TABLE schedule_edit (n INTEGER NOT NULL);
INSERT INTO schedule_edit VALUES (0);

ALTER TABLE run ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0; -- it is not begun earlier
ALTER TABLE run ADD COLUMN queued INTEGER NOT NULL DEFAULT 0; -- 1: not while an earlier run of the workflow goes on
-- Who asks whether a run of a workflow goes on does not look through all that ever were.
CREATE INDEX run_open ON run (workflow) WHERE status IN ('pending', 'running', 'paused');

-- A rehearsal at an instant is not the run at that instant.
DROP INDEX run_instant;
CREATE UNIQUE INDEX run_instant ON run (workflow, scheduled_at, sandbox)
    WHERE fired_by <> 'manual' AND scheduled_at <> 0 AND parent IS NULL;
