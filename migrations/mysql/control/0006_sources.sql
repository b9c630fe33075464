-- What the source of a key says of it, as it was read last: the state is the application's own word.
CREATE TABLE IF NOT EXISTS reseal_catalogue_source (
    entry      varchar(64) NOT NULL PRIMARY KEY,
    state      longtext,
    created_at bigint,
    noted_at   bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The state that a key had by its source when a run began, behind the steps of before.
CREATE TABLE IF NOT EXISTS reseal_catalogue_run_state (
    run_id varchar(64) NOT NULL,
    entry  varchar(64) NOT NULL,
    state  longtext NOT NULL,
    at     bigint NOT NULL,
    PRIMARY KEY (run_id, entry)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (6);
