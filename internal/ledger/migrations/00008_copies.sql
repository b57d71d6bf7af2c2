-- +goose Up

-- Says that this file is a copy which nobody has accepted yet as the ledger: one row, or none.
CREATE TABLE copied (
    id      TEXT NOT NULL,
    made_at INTEGER NOT NULL -- microseconds since 1970, UTC
);

-- The copies that were accepted, one after the other.
CREATE TABLE accepted (
    id          TEXT NOT NULL,
    made_at     INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    who         TEXT NOT NULL
);

-- When the copy was made from which the run comes: what it did since then is not known. 0: it comes from none.
ALTER TABLE run ADD COLUMN copied_at INTEGER NOT NULL DEFAULT 0;

-- What people are still to be told.
CREATE TABLE notice (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    id       TEXT NOT NULL UNIQUE,
    notice   TEXT NOT NULL, -- JSON
    at       INTEGER NOT NULL,
    told     TEXT -- JSON: the channels that have it already; NULL for none
);
