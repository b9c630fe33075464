-- What is known of the jobs of plans' schedules. Slots and `settled` are milliseconds since 1970 in UTC by the daemons'
-- clocks; leases are by the server's own.
CREATE TABLE reseal.schedule (
    plan      text NOT NULL,
    job       text NOT NULL,
    timing    text NOT NULL,   -- what `settled` was counted by
    settled   bigint NOT NULL,   -- slots up to this one were fired or left out
    paused_by text,
    PRIMARY KEY (plan, job)
);

-- A slot that was claimed. Whoever wrote the row fires; the row says whether its work is done.
CREATE TABLE reseal.firing (
    plan        text NOT NULL,
    job         text NOT NULL,
    slot        bigint NOT NULL,
    state       text NOT NULL,   -- claimed, done, failed
    epoch       bigint NOT NULL,   -- grows with every daemon that takes the work up
    holder      text NOT NULL,
    lease_until bigint NOT NULL,
    retry_at    bigint NOT NULL,   -- by the daemons' clocks
    missed      bigint NOT NULL,   -- older slots that were left out with it
    outcome     text,
    claimed_at  bigint NOT NULL,
    finished_at bigint,
    PRIMARY KEY (plan, job, slot)
);
CREATE INDEX firing_by_state ON reseal.firing (state, plan);

INSERT INTO reseal.control_migration (version) VALUES (4);
