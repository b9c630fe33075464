-- Where the audit trail begins, since the events before were archived: the signed head of the last of them. Of those, the
-- events that are still needed stay in audit_event; kept_digest is what they come to. docs/audit-trail.md says how.
CREATE TABLE IF NOT EXISTS reseal_audit_cut (
    id          bigint NOT NULL PRIMARY KEY,
    sequence    bigint NOT NULL,
    head        varchar(64) NOT NULL,
    before_ms   bigint NOT NULL,
    time_ms     bigint NOT NULL,
    kept        bigint NOT NULL,
    kept_digest varchar(64) NOT NULL,
    public_key  varchar(64) NOT NULL,
    signature   varchar(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How many slots that are over were forgotten: counts of them go on.
CREATE TABLE IF NOT EXISTS reseal_firing_pruned (
    plan    varchar(200) NOT NULL,
    job     varchar(64) NOT NULL,
    state   varchar(32) NOT NULL,
    firings bigint NOT NULL,
    PRIMARY KEY (plan, job, state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (8);
