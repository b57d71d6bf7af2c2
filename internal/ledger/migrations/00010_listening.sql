-- +goose Up

-- Of a held item: the customer whose events have it looked at again; '' for none. It counts while the item is held.
ALTER TABLE item_state ADD COLUMN listens TEXT NOT NULL DEFAULT '';
CREATE INDEX item_listens ON item_state (listens) WHERE listens <> '' AND status = 'held';

-- The result of a task may come without naming a customer.
ALTER TABLE event ADD COLUMN task TEXT NOT NULL DEFAULT '';
CREATE INDEX event_task ON event (task, received_at) WHERE task <> '';

-- Which of its workflow's triggers has started a run; '' where nobody counts them.
ALTER TABLE run ADD COLUMN fired_trigger TEXT NOT NULL DEFAULT '';

-- Events whose trigger has as many runs as it may have: they wait in their order. What they say is in event.
CREATE TABLE event_waiting (
    workflow TEXT NOT NULL,
    name     TEXT NOT NULL, -- of the trigger
    sandbox  INTEGER NOT NULL,
    event    INTEGER NOT NULL, -- its sequence
    PRIMARY KEY (workflow, name, sandbox, event)
) WITHOUT ROWID;
