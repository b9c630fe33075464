-- The audit trail. Each head is the SHA-256 over the head before it and the event; docs/audit-trail.md says how.
CREATE TABLE reseal.audit_event (
    sequence    bigint PRIMARY KEY,
    time_ms     bigint NOT NULL,
    operator    text NOT NULL,
    host        text NOT NULL,
    kind        text NOT NULL,
    plan        text NOT NULL,
    plan_digest text NOT NULL,
    run_id      text NOT NULL,
    fields      text NOT NULL, -- JSON: [[name, value]]
    fingerprints text NOT NULL, -- JSON: [[keyset, key, fingerprint]]
    head        text NOT NULL
);
CREATE INDEX audit_event_by_plan ON reseal.audit_event (plan, sequence);

-- Where the trail ends. Whoever appends holds this row, so that two never follow the same event.
CREATE TABLE reseal.audit_tail (
    id       bigint PRIMARY KEY,
    sequence bigint NOT NULL,
    head     text NOT NULL
);
INSERT INTO reseal.audit_tail (id, sequence, head) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Signatures over where the trail stood.
CREATE TABLE reseal.audit_checkpoint (
    sequence   bigint NOT NULL,
    public_key text NOT NULL,
    head       text NOT NULL,
    time_ms    bigint NOT NULL,
    signature  text NOT NULL,
    PRIMARY KEY (sequence, public_key)
);

INSERT INTO reseal.control_migration (version) VALUES (2);
