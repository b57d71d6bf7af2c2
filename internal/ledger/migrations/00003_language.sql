-- +goose Up

ALTER TABLE run ADD COLUMN parent TEXT; -- JSON: the item and step that called it; NULL for a run of its own
ALTER TABLE run ADD COLUMN versions TEXT; -- JSON: digests of the workflows it calls, by name
ALTER TABLE run ADD COLUMN test TEXT; -- JSON: who gets everything; NULL unless it is a test send
ALTER TABLE run ADD COLUMN outputs TEXT; -- JSON
CREATE INDEX run_parent ON run (json_extract(parent, '$.run')) WHERE parent IS NOT NULL;

-- A run that another one calls fires at no instant of its own.
DROP INDEX run_instant;
CREATE UNIQUE INDEX run_instant ON run (workflow, scheduled_at)
    WHERE fired_by <> 'manual' AND scheduled_at <> 0 AND parent IS NULL;

ALTER TABLE item_state ADD COLUMN until INTEGER NOT NULL DEFAULT 0; -- of a held item: when it goes on

-- A wave of a series goes from the item `first` to the next wave: a few rows, whatever the size of the audience. Items
-- that were skipped in the snapshot belong to none.
CREATE TABLE wave (
    series INTEGER NOT NULL,
    number INTEGER NOT NULL, -- from 1
    first  INTEGER NOT NULL,
    PRIMARY KEY (series, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX wave_first ON wave (series, first);

ALTER TABLE bucket ADD COLUMN state BLOB; -- whatever the limiter has to remember besides

-- Operating accounts whose calls are held.
CREATE TABLE account (
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    until      INTEGER NOT NULL, -- 0: not before a person clears it
    reason     TEXT NOT NULL,
    PRIMARY KEY (connection, account)
) WITHOUT ROWID;

-- Never used: a frequency cap is a bucket, and schedules get their shape with what fires them.
DROP TABLE contact;
DROP TABLE schedule;
