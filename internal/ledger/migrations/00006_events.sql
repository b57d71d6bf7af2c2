-- +goose Up

ALTER TABLE run ADD COLUMN event TEXT; -- JSON: the event that started it, as expressions see it

-- Up to which event everything that follows from events has been done: one row, or none before the first.
CREATE TABLE event_cursor (n INTEGER NOT NULL);

-- What a customer has said is asked before each message to them.
CREATE INDEX event_friend ON event (friend, received_at) WHERE friend <> '';

-- What is to be settled.
CREATE INDEX call_unknown ON call_outcome (ordinal) WHERE state = 'unknown';
