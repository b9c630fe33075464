-- Reseal's ledger. Times are milliseconds since 1970 by the server's clock; row keys are JSON arrays.
CREATE TABLE IF NOT EXISTS reseal_run (
    id            varchar(64) PRIMARY KEY,
    plan          varchar(200)   NOT NULL,
    plan_digest   longtext   NOT NULL,
    scope         longtext   NOT NULL,             -- JSON: what the run was narrowed to
    whole         bigint NOT NULL,             -- 1: the whole plan, 0: a scope of it
    primaries     longtext   NOT NULL,             -- JSON: keyset -> id of the key that seals
    operator      longtext   NOT NULL,
    emergency     bigint NOT NULL,
    state         varchar(32)   NOT NULL,
    reason        longtext,
    request       longtext,                        -- what an operator asked of the engine: pause, cancel
    epoch         bigint NOT NULL,             -- grows with every engine that takes the run up
    holder        longtext   NOT NULL,
    lease_until   bigint NOT NULL,
    round         bigint NOT NULL,
    cells_old     bigint NOT NULL,             -- by the last sweep
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    completed_at  bigint
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_run_by_plan ON reseal_run (plan, created_at);

-- A range of row keys of one table. Only the engine whose epoch a shard carries may commit work on it.
CREATE TABLE IF NOT EXISTS reseal_shard (
    run_id            varchar(64)   NOT NULL,
    number            bigint NOT NULL,
    round             bigint NOT NULL,
    table_name        varchar(200)   NOT NULL,
    upto              longtext,                    -- the last row key of the range; NULL: to the end
    checkpoint        longtext,                    -- the committed cursor; NULL: the beginning
    after             longtext,                    -- the row key before the range; NULL: from the beginning
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
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Which run holds a column. One run at a time.
CREATE TABLE IF NOT EXISTS reseal_claim (
    table_name  varchar(200) NOT NULL,
    column_name varchar(128) NOT NULL,
    run_id      varchar(64) NOT NULL,
    PRIMARY KEY (table_name, column_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The fingerprint of every key that a plan has used. A fingerprint gives no key back.
CREATE TABLE IF NOT EXISTS reseal_pin (
    plan        varchar(200)   NOT NULL,
    keyset      varchar(128)   NOT NULL,
    key_id      varchar(128)   NOT NULL,
    method      varchar(32)   NOT NULL,
    salt        longtext   NOT NULL,
    fingerprint longtext   NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (plan, keyset, key_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Cells that could not be opened, left as they are.
CREATE TABLE IF NOT EXISTS reseal_quarantine (
    run_id     varchar(64)   NOT NULL,
    cell       varchar(64)   NOT NULL,                -- SHA-256 of table, field and row key
    table_name varchar(200)   NOT NULL,
    field      varchar(200)   NOT NULL,
    row_key    longtext   NOT NULL,
    reason     longtext   NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (run_id, cell)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The old cells of a batch, for an exact rollback.
CREATE TABLE IF NOT EXISTS reseal_undo (
    run_id     varchar(64)   NOT NULL,
    shard      bigint NOT NULL,
    batch      bigint NOT NULL,
    table_name varchar(200)   NOT NULL,
    cells      bigint NOT NULL,
    payload    longblob NOT NULL,
    PRIMARY KEY (run_id, shard, batch)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE OR REPLACE VIEW reseal_rotation_progress AS
SELECT r.id AS rotation_id,
       s.table_name,
       CAST(sum(CASE WHEN s.round = 1 THEN s.rows_total ELSE 0 END) AS SIGNED) AS total_records,
       CAST(sum(CASE WHEN s.round = 1 THEN s.rows_scanned ELSE 0 END) AS SIGNED) AS processed_records,
       (SELECT count(*) FROM reseal_quarantine q WHERE q.run_id = r.id AND q.table_name = s.table_name)
           AS failed_records,
       r.state AS status,
       max(s.checkpoint) AS last_checkpoint_id,
       FROM_UNIXTIME(r.created_at / 1000.0) AS started_at,
       FROM_UNIXTIME(r.completed_at / 1000.0) AS completed_at
FROM reseal_run r
JOIN reseal_shard s ON s.run_id = r.id
GROUP BY r.id, s.table_name, r.state, r.created_at, r.completed_at;

CREATE TABLE IF NOT EXISTS reseal_migration (version bigint PRIMARY KEY) ENGINE=InnoDB;
INSERT IGNORE INTO reseal_migration (version) VALUES (1);
