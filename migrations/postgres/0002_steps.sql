-- Steps around a run: what was carried out, how it ended, and the end of what it printed, without secrets.
CREATE TABLE reseal.step (
    run_id   text   NOT NULL REFERENCES reseal.run (id),
    phase    text   NOT NULL,             -- before, canary, after, on_stop, on_failure
    number   bigint NOT NULL,             -- its place in the phase, from 1
    turn     bigint NOT NULL,             -- 0: once in a run; else the epoch of the engine
    label    text   NOT NULL,
    digest   text   NOT NULL,             -- of what the plan says of it
    state    text   NOT NULL,             -- waiting, running, done, failed
    status   text,
    output   text,
    begun_at bigint NOT NULL,
    ended_at bigint,
    PRIMARY KEY (run_id, phase, number, turn)
);

-- What the plan calls variables, as they were when the run began. Never secret.
CREATE TABLE reseal.var (
    run_id text NOT NULL REFERENCES reseal.run (id),
    name   text NOT NULL,
    value  text NOT NULL,
    PRIMARY KEY (run_id, name)
);

INSERT INTO reseal.migration (version) VALUES (2);
