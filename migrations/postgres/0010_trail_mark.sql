-- Where the audit trail stood when the newest run of a plan began: a control database that does not know that event is
-- another one, or was restored from a backup.
CREATE TABLE reseal.trail_mark (
    plan     text NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    head     text NOT NULL,
    run_id   text NOT NULL,
    noted_at bigint NOT NULL
);

INSERT INTO reseal.migration (version) VALUES (10);
