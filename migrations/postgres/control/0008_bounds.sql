-- Where the audit trail begins, since the events before were archived: the signed head of the last of them. Of those, the
-- events that are still needed stay in audit_event; kept_digest is what they come to. docs/audit-trail.md says how.
CREATE TABLE reseal.audit_cut (
    id          bigint NOT NULL PRIMARY KEY,
    sequence    bigint NOT NULL,
    head        text NOT NULL,
    before_ms   bigint NOT NULL,
    time_ms     bigint NOT NULL,
    kept        bigint NOT NULL,
    kept_digest text NOT NULL,
    public_key  text NOT NULL,
    signature   text NOT NULL
);

-- How many slots that are over were forgotten: counts of them go on.
CREATE TABLE reseal.firing_pruned (
    plan    text NOT NULL,
    job     text NOT NULL,
    state   text NOT NULL,
    firings bigint NOT NULL,
    PRIMARY KEY (plan, job, state)
);

INSERT INTO reseal.control_migration (version) VALUES (8);
