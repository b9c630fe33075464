-- Reseal's ledger. Times are milliseconds since 1970 by the server's clock; row keys are JSON arrays.
CREATE SCHEMA IF NOT EXISTS reseal;

CREATE TABLE reseal.run (
    id            text PRIMARY KEY,
    plan          text   NOT NULL,
    plan_digest   text   NOT NULL,
    scope         text   NOT NULL,             -- JSON: what the run was narrowed to
    whole         bigint NOT NULL,             -- 1: the whole plan, 0: a scope of it
    primaries     text   NOT NULL,             -- JSON: keyset -> id of the key that seals
    operator      text   NOT NULL,
    emergency     bigint NOT NULL,
    state         text   NOT NULL,
    reason        text,
    request       text,                        -- what an operator asked of the engine: pause, cancel
    epoch         bigint NOT NULL,             -- grows with every engine that takes the run up
    holder        text   NOT NULL,
    lease_until   bigint NOT NULL,
    round         bigint NOT NULL,
    cells_old     bigint NOT NULL,             -- by the last sweep
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    completed_at  bigint
);
CREATE INDEX run_by_plan ON reseal.run (plan, created_at);

-- A range of row keys of one table. Only the engine whose epoch a shard carries may commit work on it.
CREATE TABLE reseal.shard (
    run_id            text   NOT NULL REFERENCES reseal.run (id),
    number            bigint NOT NULL,
    round             bigint NOT NULL,
    table_name        text   NOT NULL,
    upto              text,                    -- the last row key of the range; NULL: to the end
    checkpoint        text,                    -- the committed cursor; NULL: the beginning
    after             text,                    -- the row key before the range; NULL: from the beginning
    done              bigint NOT NULL,
    epoch             bigint NOT NULL,
    batches           bigint NOT NULL,
    rows_total        bigint NOT NULL,
    rows_scanned      bigint NOT NULL,
    cells_rotated     bigint NOT NULL,
    cells_current     bigint NOT NULL,
    cells_null        bigint NOT NULL,
    cells_quarantined bigint NOT NULL,
    cells_raced       bigint NOT NULL,
    PRIMARY KEY (run_id, number)
) WITH (fillfactor = 50);

-- Which run holds a column. One run at a time.
CREATE TABLE reseal.claim (
    table_name  text NOT NULL,
    column_name text NOT NULL,
    run_id      text NOT NULL REFERENCES reseal.run (id),
    PRIMARY KEY (table_name, column_name)
);

-- The fingerprint of every key that a plan has used. A fingerprint gives no key back.
CREATE TABLE reseal.pin (
    plan        text   NOT NULL,
    keyset      text   NOT NULL,
    key_id      text   NOT NULL,
    method      text   NOT NULL,
    salt        text   NOT NULL,
    fingerprint text   NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (plan, keyset, key_id)
);

-- Cells that could not be opened, left as they are.
CREATE TABLE reseal.quarantine (
    run_id     text   NOT NULL REFERENCES reseal.run (id),
    cell       text   NOT NULL,                -- SHA-256 of table, field and row key
    table_name text   NOT NULL,
    field      text   NOT NULL,
    row_key    text   NOT NULL,
    reason     text   NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (run_id, cell)
);

-- The old cells of a batch, for an exact rollback.
CREATE TABLE reseal.undo (
    run_id     text   NOT NULL REFERENCES reseal.run (id),
    shard      bigint NOT NULL,
    batch      bigint NOT NULL,
    table_name text   NOT NULL,
    cells      bigint NOT NULL,
    payload    bytea  NOT NULL,
    PRIMARY KEY (run_id, shard, batch)
);
ALTER TABLE reseal.undo ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE VIEW reseal.rotation_progress AS
SELECT r.id AS rotation_id,
       s.table_name,
       sum(CASE WHEN s.round = 1 THEN s.rows_total ELSE 0 END)::bigint AS total_records,
       sum(CASE WHEN s.round = 1 THEN s.rows_scanned ELSE 0 END)::bigint AS processed_records,
       (SELECT count(*) FROM reseal.quarantine q WHERE q.run_id = r.id AND q.table_name = s.table_name)
           AS failed_records,
       r.state AS status,
       max(s.checkpoint) AS last_checkpoint_id,
       to_timestamp(r.created_at / 1000.0) AS started_at,
       to_timestamp(r.completed_at / 1000.0) AS completed_at
FROM reseal.run r
JOIN reseal.shard s ON s.run_id = r.id
GROUP BY r.id, s.table_name, r.state, r.created_at, r.completed_at;

CREATE TABLE reseal.migration (version bigint PRIMARY KEY);
INSERT INTO reseal.migration (version) VALUES (1);
