-- The audit trail. Each head is the SHA-256 over the head before it and the event; docs/audit-trail.md says how.
CREATE TABLE IF NOT EXISTS reseal_audit_event (
    sequence    bigint PRIMARY KEY,
    time_ms     bigint NOT NULL,
    operator    longtext NOT NULL,
    host        longtext NOT NULL,
    kind        varchar(64) NOT NULL,
    plan        varchar(200) NOT NULL,
    plan_digest longtext NOT NULL,
    run_id      varchar(64) NOT NULL,
    fields      longtext NOT NULL, -- JSON: [[name, value]]
    fingerprints longtext NOT NULL, -- JSON: [[keyset, key, fingerprint]]
    head        varchar(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_audit_event_by_plan ON reseal_audit_event (plan, sequence);

-- Where the trail ends. Whoever appends holds this row, so that two never follow the same event.
CREATE TABLE IF NOT EXISTS reseal_audit_tail (
    id       bigint PRIMARY KEY,
    sequence bigint NOT NULL,
    head     varchar(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO reseal_audit_tail (id, sequence, head) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Signatures over where the trail stood.
CREATE TABLE IF NOT EXISTS reseal_audit_checkpoint (
    sequence   bigint NOT NULL,
    public_key varchar(64) NOT NULL,
    head       varchar(64) NOT NULL,
    time_ms    bigint NOT NULL,
    signature  varchar(128) NOT NULL,
    PRIMARY KEY (sequence, public_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (2);
