-- Reseal's ledger. Times are milliseconds since 1970 by the server's clock; row keys are JSON arrays.
CREATE TABLE reseal_run (
    id            text NOT NULL PRIMARY KEY,
    plan          text   NOT NULL,
    plan_digest   text   NOT NULL,
    scope         text   NOT NULL,             -- JSON: what the run was narrowed to
    whole         integer NOT NULL,             -- 1: the whole plan, 0: a scope of it
    primaries     text   NOT NULL,             -- JSON: keyset -> id of the key that seals
    operator      text   NOT NULL,
    emergency     integer NOT NULL,
    state         text   NOT NULL,
    reason        text,
    request       text,                        -- what an operator asked of the engine: pause, cancel
    epoch         integer NOT NULL,             -- grows with every engine that takes the run up
    holder        text   NOT NULL,
    lease_until   integer NOT NULL,
    round         integer NOT NULL,
    cells_old     integer NOT NULL,             -- by the last sweep
    created_at    integer NOT NULL,
    updated_at    integer NOT NULL,
    completed_at  integer
);
CREATE INDEX reseal_run_by_plan ON reseal_run (plan, created_at);

-- A range of row keys of one table. Only the engine whose epoch a shard carries may commit work on it.
CREATE TABLE reseal_shard (
    run_id            text   NOT NULL REFERENCES reseal_run (id),
    number            integer NOT NULL,
    round             integer NOT NULL,
    table_name        text   NOT NULL,
    upto              text,                    -- the last row key of the range; NULL: to the end
    checkpoint        text,                    -- the committed cursor; NULL: the beginning
    after             text,                    -- the row key before the range; NULL: from the beginning
    done              integer NOT NULL,
    epoch             integer NOT NULL,
    batches           integer NOT NULL,
    rows_total        integer NOT NULL,
    rows_scanned      integer NOT NULL,
    cells_rotated     integer NOT NULL,
    cells_current     integer NOT NULL,
    cells_null        integer NOT NULL,
    cells_quarantined integer NOT NULL,
    cells_raced       integer NOT NULL,
    PRIMARY KEY (run_id, number)
);

-- Which run holds a column. One run at a time.
CREATE TABLE reseal_claim (
    table_name  text NOT NULL,
    column_name text NOT NULL,
    run_id      text NOT NULL REFERENCES reseal_run (id),
    PRIMARY KEY (table_name, column_name)
);

-- The fingerprint of every key that a plan has used. A fingerprint gives no key back.
CREATE TABLE reseal_pin (
    plan        text   NOT NULL,
    keyset      text   NOT NULL,
    key_id      text   NOT NULL,
    method      text   NOT NULL,
    salt        text   NOT NULL,
    fingerprint text   NOT NULL,
    created_at  integer NOT NULL,
    PRIMARY KEY (plan, keyset, key_id)
);

-- Cells that could not be opened, left as they are.
CREATE TABLE reseal_quarantine (
    run_id     text   NOT NULL REFERENCES reseal_run (id),
    cell       text   NOT NULL,                -- SHA-256 of table, field and row key
    table_name text   NOT NULL,
    field      text   NOT NULL,
    row_key    text   NOT NULL,
    reason     text   NOT NULL,
    created_at integer NOT NULL,
    PRIMARY KEY (run_id, cell)
);

-- The old cells of a batch, for an exact rollback.
CREATE TABLE reseal_undo (
    run_id     text   NOT NULL REFERENCES reseal_run (id),
    shard      integer NOT NULL,
    batch      integer NOT NULL,
    table_name text   NOT NULL,
    cells      integer NOT NULL,
    payload    blob   NOT NULL,
    PRIMARY KEY (run_id, shard, batch)
);

CREATE VIEW reseal_rotation_progress AS
SELECT r.id AS rotation_id,
       s.table_name,
       sum(CASE WHEN s.round = 1 THEN s.rows_total ELSE 0 END) AS total_records,
       sum(CASE WHEN s.round = 1 THEN s.rows_scanned ELSE 0 END) AS processed_records,
       (SELECT count(*) FROM reseal_quarantine q WHERE q.run_id = r.id AND q.table_name = s.table_name)
           AS failed_records,
       r.state AS status,
       max(s.checkpoint) AS last_checkpoint_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.completed_at / 1000.0, 'unixepoch') AS completed_at
FROM reseal_run r
JOIN reseal_shard s ON s.run_id = r.id
GROUP BY r.id, s.table_name, r.state, r.created_at, r.completed_at;

CREATE TABLE reseal_migration (version integer PRIMARY KEY);
INSERT INTO reseal_migration (version) VALUES (1);
