-- Which table of the database each table of a run is. Shards, undo and quarantine name it by (run_id, table_name). It is
-- found once when the run begins, and compared when the run is resumed or rolled back: what was found then is another line.
CREATE TABLE IF NOT EXISTS reseal_run_table (
    run_id      varchar(64)  NOT NULL,
    table_name  varchar(200) NOT NULL,    -- as the plan names it
    turn        bigint       NOT NULL,    -- 0 when the run began; the line with the highest one counts
    schema_name varchar(200),             -- schema and name, as the catalogue has them
    own_name    varchar(200) NOT NULL,
    mark        longtext     NOT NULL,    -- the number of its storage, where the user may see it
    row_key     longtext     NOT NULL,
    found       varchar(32)  NOT NULL,    -- began, rebuilt, accepted (by --accept-table), unrecorded (by an earlier version)
    operator    longtext     NOT NULL,
    found_at    bigint       NOT NULL,
    PRIMARY KEY (run_id, table_name, turn)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Claims, by what the database tells its tables by.
CREATE TABLE IF NOT EXISTS reseal_table_claim (
    identity    varchar(255) NOT NULL,
    column_name varchar(128) NOT NULL,
    table_name  varchar(200) NOT NULL,
    PRIMARY KEY (identity, column_name),
    FOREIGN KEY (table_name, column_name) REFERENCES reseal_claim (table_name, column_name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_migration (version) VALUES (6);
