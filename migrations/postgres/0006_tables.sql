-- Which table of the database each table of a run is. Shards, undo and quarantine name it by (run_id, table_name). It is
-- found once when the run begins, and compared when the run is resumed or rolled back: what was found then is another line.
CREATE TABLE reseal.run_table (
    run_id      text   NOT NULL REFERENCES reseal.run (id),
    table_name  text   NOT NULL,          -- as the plan names it
    turn        bigint NOT NULL,          -- 0 when the run began; the line with the highest one counts
    schema_name text,                     -- schema and name, as the catalogue has them
    own_name    text   NOT NULL,
    mark        text   NOT NULL,          -- the oids of database and table
    row_key     text   NOT NULL,
    found       text   NOT NULL,          -- began, rebuilt, accepted (by --accept-table), unrecorded (by an earlier version)
    operator    text   NOT NULL,
    found_at    bigint NOT NULL,
    PRIMARY KEY (run_id, table_name, turn)
);

-- Claims, by what the database tells its tables by: a table that was renamed is still claimed.
CREATE TABLE reseal.table_claim (
    identity    text NOT NULL,
    column_name text NOT NULL,
    table_name  text NOT NULL,
    PRIMARY KEY (identity, column_name),
    FOREIGN KEY (table_name, column_name) REFERENCES reseal.claim (table_name, column_name) ON DELETE CASCADE
);

INSERT INTO reseal.migration (version) VALUES (6);
