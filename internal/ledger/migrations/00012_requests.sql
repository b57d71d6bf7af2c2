-- +goose Up

-- What a request with a key asked for that has added the run, where that does not follow from the run itself: the same key
-- for something else is refused.
ALTER TABLE run ADD COLUMN request TEXT NOT NULL DEFAULT '';
