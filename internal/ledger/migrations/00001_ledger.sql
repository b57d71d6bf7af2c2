-- +goose Up

CREATE TABLE workflow_version (
    digest     TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    file       TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    source     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE run (
    sequence     INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    workflow     TEXT NOT NULL,
    digest       TEXT NOT NULL,
    connection   TEXT NOT NULL,
    sandbox      INTEGER NOT NULL,
    params       TEXT,
    fired_by     TEXT NOT NULL, -- "manual", "schedule", …
    scheduled_at INTEGER NOT NULL, -- all times: microseconds since 1970, UTC; 0 is none
    created_at   INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    status       TEXT NOT NULL,
    wanted       TEXT NOT NULL,
    plan         TEXT NOT NULL,
    git_commit   TEXT NOT NULL,
    has_foreach  INTEGER NOT NULL,
    error        TEXT NOT NULL -- JSON; '' when there is none
);
-- Nothing fires twice.
CREATE UNIQUE INDEX run_instant ON run (workflow, scheduled_at) WHERE fired_by <> 'manual';
CREATE INDEX run_status ON run (status);

CREATE TABLE step (
    sequence INTEGER PRIMARY KEY,
    run      TEXT NOT NULL,
    path     TEXT NOT NULL,
    status   TEXT NOT NULL,
    outputs  TEXT,
    error    TEXT NOT NULL,
    UNIQUE (run, path)
);

-- A series is what a foreach of a run goes over; step '' holds the run's root item. Items and lanes name it by number,
-- which keeps their indexes small.
CREATE TABLE series (
    id    INTEGER PRIMARY KEY,
    run   TEXT NOT NULL,
    step  TEXT NOT NULL,
    first INTEGER NOT NULL, -- its items have ids from first to last, others' in between
    last  INTEGER NOT NULL,
    UNIQUE (run, step)
);

CREATE TABLE lane (
    id     INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    name   TEXT NOT NULL,
    added  INTEGER NOT NULL, -- 0 while it is only a name that items carry
    epoch  INTEGER NOT NULL,
    done   INTEGER NOT NULL,
    clean  INTEGER NOT NULL,
    UNIQUE (series, name)
);

-- The audience as it was when the foreach started: these rows never change, so that what became of them (item_state)
-- is written to few pages.
CREATE TABLE item (
    id       INTEGER PRIMARY KEY,
    series   INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    source_row INTEGER NOT NULL,
    item_key TEXT NOT NULL,
    data     TEXT,
    variant  TEXT NOT NULL,
    wave     INTEGER NOT NULL,
    chosen   INTEGER NOT NULL, -- 1 for the item that has the key
    status   TEXT NOT NULL, -- at first
    reason   TEXT NOT NULL
);
CREATE UNIQUE INDEX item_chosen ON item (series, item_key) WHERE chosen = 1;
CREATE INDEX item_lane ON item (lane) WHERE chosen = 1;

-- Where an item is that is not any more as it was at first.
CREATE TABLE item_state (
    id       INTEGER PRIMARY KEY,
    status   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    progress TEXT
);

-- Intents. They are only ever added, in the order of their ordinals.
CREATE TABLE call (
    ordinal    INTEGER PRIMARY KEY, -- the order of intents, whatever the clock did
    item       INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    account    TEXT NOT NULL,
    friend     TEXT NOT NULL,
    request    TEXT,
    started_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX call_key ON call (item, kind, attempt);

-- What a step calls, by number, since a million calls say the same.
CREATE TABLE call_kind (
    id        INTEGER PRIMARY KEY,
    step      TEXT NOT NULL,
    operation TEXT NOT NULL,
    effect    TEXT NOT NULL,
    UNIQUE (step, operation, effect)
);

-- What came of a call; absent while that is open.
CREATE TABLE call_outcome (
    ordinal     INTEGER PRIMARY KEY,
    state       TEXT NOT NULL,
    code        TEXT NOT NULL,
    message     TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    finished_at INTEGER NOT NULL
);

CREATE TABLE takeover (
    run        TEXT NOT NULL,
    item       INTEGER NOT NULL,
    step       TEXT NOT NULL,
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    friend     TEXT NOT NULL,
    handle     TEXT,
    state      TEXT NOT NULL,
    message    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (run, item, step)
) WITHOUT ROWID;
-- What somebody still has to end, or look at.
CREATE INDEX takeover_open ON takeover (state) WHERE state IN ('intended', 'held', 'stuck');

-- How many rows there are of each status, changed in the transactions that change the rows.
CREATE TABLE tally (
    run    TEXT NOT NULL,
    kind   TEXT NOT NULL, -- 'item', 'call' or 'takeover'
    step   TEXT NOT NULL, -- '' except for items
    status TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (run, kind, step, status)
) WITHOUT ROWID;

CREATE TABLE bucket (
    name       TEXT PRIMARY KEY,
    arrival    INTEGER NOT NULL, -- nanoseconds since 1970, UTC
    not_before INTEGER NOT NULL,
    hour       INTEGER NOT NULL,
    hour_count INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    day_count  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE contact (
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    friend     TEXT NOT NULL,
    last_at    INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    day_count  INTEGER NOT NULL,
    PRIMARY KEY (connection, account, friend)
) WITHOUT ROWID;

CREATE TABLE schedule (
    workflow TEXT NOT NULL,
    name     TEXT NOT NULL,
    fired_at INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    paused   INTEGER NOT NULL,
    PRIMARY KEY (workflow, name)
) WITHOUT ROWID;

CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    note   TEXT NOT NULL
);

-- Raised when a process first writes a call, so that ordinals grow from one process to the next.
-- Every call up to settled has an outcome: what is open is found without looking through all.
CREATE TABLE era (n INTEGER NOT NULL, settled INTEGER NOT NULL);
INSERT INTO era VALUES (0, 0);
