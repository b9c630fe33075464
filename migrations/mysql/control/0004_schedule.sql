-- What is known of the jobs of plans' schedules. Slots and `settled` are milliseconds since 1970 in UTC by the daemons'
-- clocks; leases are by the server's own.
CREATE TABLE IF NOT EXISTS reseal_schedule (
    plan      varchar(200) NOT NULL,
    job       varchar(64) NOT NULL,
    timing    longtext NOT NULL,   -- what `settled` was counted by
    settled   bigint NOT NULL,   -- slots up to this one were fired or left out
    paused_by longtext,
    PRIMARY KEY (plan, job)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A slot that was claimed. Whoever wrote the row fires; the row says whether its work is done.
CREATE TABLE IF NOT EXISTS reseal_firing (
    plan        varchar(200) NOT NULL,
    job         varchar(64) NOT NULL,
    slot        bigint NOT NULL,
    state       varchar(32) NOT NULL,   -- claimed, done, failed
    epoch       bigint NOT NULL,   -- grows with every daemon that takes the work up
    holder      longtext NOT NULL,
    lease_until bigint NOT NULL,
    retry_at    bigint NOT NULL,   -- by the daemons' clocks
    missed      bigint NOT NULL,   -- older slots that were left out with it
    outcome     longtext,
    claimed_at  bigint NOT NULL,
    finished_at bigint,
    PRIMARY KEY (plan, job, slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_firing_by_state ON reseal_firing (state, plan);

INSERT IGNORE INTO reseal_control_migration (version) VALUES (4);
