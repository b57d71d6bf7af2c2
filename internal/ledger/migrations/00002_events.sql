-- +goose Up

-- What the platform has pushed, as it came. A body of the same id may come again after its window.
CREATE TABLE event (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    type        TEXT NOT NULL,
    account     TEXT NOT NULL,
    friend      TEXT NOT NULL,
    received_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    body        BLOB NOT NULL
);
CREATE INDEX event_id ON event (id, received_at);
