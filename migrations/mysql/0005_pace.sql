-- What the command line that started a run asked for in place of the plan's own pace: it is resumed with the same.
CREATE TABLE IF NOT EXISTS reseal_pace (
    run_id     varchar(64) NOT NULL PRIMARY KEY,
    workers    bigint,                       -- number of workers
    batch_rows bigint                        -- rows of a batch
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_migration (version) VALUES (5);
