-- +goose Up

-- What the process was that worked last on the runs for real, and on rehearsals: what becomes of what it left follows from
-- that, whether it was stopped or died.
CREATE TABLE owner (
    sandbox INTEGER PRIMARY KEY, -- 1: of rehearsals
    role    TEXT NOT NULL -- 'daemon'; '' for a command
);

-- The channels that could not deliver when they were last to.
CREATE TABLE channel_failure (
    name    TEXT PRIMARY KEY,
    at      INTEGER NOT NULL, -- of the last failure: microseconds since 1970, UTC
    message TEXT NOT NULL
) WITHOUT ROWID;
