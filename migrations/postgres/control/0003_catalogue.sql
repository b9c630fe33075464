-- The key catalogue and approvals. Times are milliseconds since 1970 by the server's clock.
-- A key: its id in a plan, and what its bytes hash to. One id may stand for several keys, one after another, where the
-- plan says that ids are roles.
CREATE TABLE reseal.catalogue_key (
    id           text PRIMARY KEY,
    plan         text NOT NULL,
    keyset       text NOT NULL,
    key_id       text NOT NULL,
    generation   bigint NOT NULL,             -- 0 for the first key that was known by this id
    method       text NOT NULL,          -- how the fingerprint was made
    salt         text NOT NULL,
    fingerprint  text NOT NULL,
    origin       text NOT NULL,          -- generated: by Reseal, in nobody's use yet; found: it was in the plan
    state        text NOT NULL,
    created_at   bigint NOT NULL,
    activated_at bigint,                      -- NULL: never, or before the catalogue knew of it
    retired_at   bigint,
    destroyed_at bigint,
    expires_at   bigint,                      -- as the source of the key says
    UNIQUE (plan, keyset, key_id, generation)
);

-- Every transition of a key: who, when and why.
CREATE TABLE reseal.catalogue_move (
    id         text PRIMARY KEY,
    entry      text NOT NULL REFERENCES reseal.catalogue_key (id),
    from_state text NOT NULL,
    to_state   text NOT NULL,
    at         bigint NOT NULL,
    operator   text NOT NULL,
    reason     text NOT NULL
);
CREATE INDEX catalogue_move_by_entry ON reseal.catalogue_move (entry, at);

-- What a census or a sweep counted.
CREATE TABLE reseal.catalogue_census (
    id       text PRIMARY KEY,
    plan     text NOT NULL,
    at       bigint NOT NULL,
    scope    text NOT NULL,                -- JSON: what it was narrowed to
    whole    bigint NOT NULL,                 -- 1: the whole plan, 0: a scope of it
    document text NOT NULL                 -- JSON: as `census --json` prints it
);
CREATE INDEX catalogue_census_by_plan ON reseal.catalogue_census (plan, at);

-- What became of a key outside: backups, trials of them, archives.
CREATE TABLE reseal.catalogue_copy (
    id       text PRIMARY KEY,
    entry    text NOT NULL REFERENCES reseal.catalogue_key (id),
    kind     text NOT NULL,              -- backup, archive, restore-test
    at       bigint NOT NULL,
    operator text NOT NULL,
    file     text NOT NULL,
    digest   text NOT NULL,                -- SHA-256 of the file
    result   text NOT NULL
);
CREATE INDEX catalogue_copy_by_entry ON reseal.catalogue_copy (entry, at);

-- Emergency runs: that they were, and when they must be over.
CREATE TABLE reseal.emergency (
    run_id   text PRIMARY KEY,
    plan     text NOT NULL,
    at       bigint NOT NULL,
    operator text NOT NULL,
    deadline bigint,
    skipped  text NOT NULL                 -- JSON: rules of the policy that were set aside
);

-- What people are asked to agree to. What they sign is built anew from these columns, never stored.
CREATE TABLE reseal.approval_request (
    id         text PRIMARY KEY,
    plan       text NOT NULL,
    kind       text NOT NULL,            -- run, emergency, rollback, destroy
    digest     text NOT NULL,            -- of the plan
    scope      text NOT NULL,
    fingerprints text NOT NULL,            -- JSON: the keys
    operator   text NOT NULL,
    needed     bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at    bigint,
    used_for   text
);
CREATE INDEX approval_request_by_plan ON reseal.approval_request (plan, created_at);

CREATE TABLE reseal.approval (
    request   text NOT NULL REFERENCES reseal.approval_request (id),
    approver  text NOT NULL,
    signature text NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (request, approver)
);

INSERT INTO reseal.control_migration (version) VALUES (3);
