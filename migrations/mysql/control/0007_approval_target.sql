-- Which database a request is about. One that an earlier version made has none.
CREATE TABLE IF NOT EXISTS reseal_approval_target (
    request varchar(64) NOT NULL PRIMARY KEY,
    target  longtext NOT NULL            -- JSON: place, name, server, ledger
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (7);
