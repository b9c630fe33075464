-- What is known of the jobs of plans' schedules. Slots and `settled` are milliseconds since 1970 in UTC by the daemons'
-- clocks; leases are by the server's own.
CREATE TABLE reseal_schedule (
    plan      text NOT NULL,
    job       text NOT NULL,
    timing    text NOT NULL,   -- what `settled` was counted by
    settled   integer NOT NULL,   -- slots up to this one were fired or left out
    paused_by text,
    PRIMARY KEY (plan, job)
);

-- A slot that was claimed. Whoever wrote the row fires; the row says whether its work is done.
CREATE TABLE reseal_firing (
    plan        text NOT NULL,
    job         text NOT NULL,
    slot        integer NOT NULL,
    state       text NOT NULL,   -- claimed, done, failed
    epoch       integer NOT NULL,   -- grows with every daemon that takes the work up
    holder      text NOT NULL,
    lease_until integer NOT NULL,
    retry_at    integer NOT NULL,   -- by the daemons' clocks
    missed      integer NOT NULL,   -- older slots that were left out with it
    outcome     text,
    claimed_at  integer NOT NULL,
    finished_at integer,
    PRIMARY KEY (plan, job, slot)
);
CREATE INDEX reseal_firing_by_state ON reseal_firing (state, plan);

INSERT INTO reseal_control_migration (version) VALUES (4);
