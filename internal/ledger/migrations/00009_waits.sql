-- +goose Up

-- Why nobody works on the lane now, as JSON; NULL when nothing is known of that.
ALTER TABLE lane ADD COLUMN waits TEXT;
