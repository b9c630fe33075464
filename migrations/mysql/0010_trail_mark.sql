-- Where the audit trail stood when the newest run of a plan began: a control database that does not know that event is
-- another one, or was restored from a backup.
CREATE TABLE IF NOT EXISTS reseal_trail_mark (
    plan     varchar(200) NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    head     varchar(64) NOT NULL,
    run_id   varchar(64) NOT NULL,
    noted_at bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_migration (version) VALUES (10);
