-- Steps around a run: what was carried out, how it ended, and the end of what it printed, without secrets.
CREATE TABLE IF NOT EXISTS reseal_step (
    run_id   varchar(64)  NOT NULL,
    phase    varchar(32)  NOT NULL,          -- before, canary, after, on_stop, on_failure
    number   bigint       NOT NULL,          -- its place in the phase, from 1
    turn     bigint       NOT NULL,          -- 0: once in a run; else the epoch of the engine
    label    longtext     NOT NULL,
    digest   varchar(64)  NOT NULL,          -- of what the plan says of it
    state    varchar(16)  NOT NULL,          -- waiting, running, done, failed
    status   longtext,
    output   longtext,
    begun_at bigint       NOT NULL,
    ended_at bigint,
    PRIMARY KEY (run_id, phase, number, turn)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What the plan calls variables, as they were when the run began. Never secret.
CREATE TABLE IF NOT EXISTS reseal_var (
    run_id varchar(64)  NOT NULL,
    name   varchar(128) NOT NULL,
    value  longtext     NOT NULL,
    PRIMARY KEY (run_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_migration (version) VALUES (2);
