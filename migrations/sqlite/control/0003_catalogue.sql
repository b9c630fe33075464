-- The key catalogue and approvals. Times are milliseconds since 1970 by the server's clock.
-- A key: its id in a plan, and what its bytes hash to. One id may stand for several keys, one after another, where the
-- plan says that ids are roles.
CREATE TABLE reseal_catalogue_key (
    id           text NOT NULL PRIMARY KEY,
    plan         text NOT NULL,
    keyset       text NOT NULL,
    key_id       text NOT NULL,
    generation   integer NOT NULL,             -- 0 for the first key that was known by this id
    method       text NOT NULL,          -- how the fingerprint was made
    salt         text NOT NULL,
    fingerprint  text NOT NULL,
    origin       text NOT NULL,          -- generated: by Reseal, in nobody's use yet; found: it was in the plan
    state        text NOT NULL,
    created_at   integer NOT NULL,
    activated_at integer,                      -- NULL: never, or before the catalogue knew of it
    retired_at   integer,
    destroyed_at integer,
    expires_at   integer,                      -- as the source of the key says
    UNIQUE (plan, keyset, key_id, generation)
);

-- Every transition of a key: who, when and why.
CREATE TABLE reseal_catalogue_move (
    id         text NOT NULL PRIMARY KEY,
    entry      text NOT NULL REFERENCES reseal_catalogue_key (id),
    from_state text NOT NULL,
    to_state   text NOT NULL,
    at         integer NOT NULL,
    operator   text NOT NULL,
    reason     text NOT NULL
);
CREATE INDEX reseal_catalogue_move_by_entry ON reseal_catalogue_move (entry, at);

-- What a census or a sweep counted.
CREATE TABLE reseal_catalogue_census (
    id       text NOT NULL PRIMARY KEY,
    plan     text NOT NULL,
    at       integer NOT NULL,
    scope    text NOT NULL,                -- JSON: what it was narrowed to
    whole    integer NOT NULL,                 -- 1: the whole plan, 0: a scope of it
    document text NOT NULL                 -- JSON: as `census --json` prints it
);
CREATE INDEX reseal_catalogue_census_by_plan ON reseal_catalogue_census (plan, at);

-- What became of a key outside: backups, trials of them, archives.
CREATE TABLE reseal_catalogue_copy (
    id       text NOT NULL PRIMARY KEY,
    entry    text NOT NULL REFERENCES reseal_catalogue_key (id),
    kind     text NOT NULL,              -- backup, archive, restore-test
    at       integer NOT NULL,
    operator text NOT NULL,
    file     text NOT NULL,
    digest   text NOT NULL,                -- SHA-256 of the file
    result   text NOT NULL
);
CREATE INDEX reseal_catalogue_copy_by_entry ON reseal_catalogue_copy (entry, at);

-- Emergency runs: that they were, and when they must be over.
CREATE TABLE reseal_emergency (
    run_id   text NOT NULL PRIMARY KEY,
    plan     text NOT NULL,
    at       integer NOT NULL,
    operator text NOT NULL,
    deadline integer,
    skipped  text NOT NULL                 -- JSON: rules of the policy that were set aside
);

-- What people are asked to agree to. What they sign is built anew from these columns, never stored.
CREATE TABLE reseal_approval_request (
    id         text NOT NULL PRIMARY KEY,
    plan       text NOT NULL,
    kind       text NOT NULL,            -- run, emergency, rollback, destroy
    digest     text NOT NULL,            -- of the plan
    scope      text NOT NULL,
    fingerprints text NOT NULL,            -- JSON: the keys
    operator   text NOT NULL,
    needed     integer NOT NULL,
    created_at integer NOT NULL,
    expires_at integer NOT NULL,
    used_at    integer,
    used_for   text
);
CREATE INDEX reseal_approval_request_by_plan ON reseal_approval_request (plan, created_at);

CREATE TABLE reseal_approval (
    request   text NOT NULL REFERENCES reseal_approval_request (id),
    approver  text NOT NULL,
    signature text NOT NULL,
    at        integer NOT NULL,
    PRIMARY KEY (request, approver)
);

INSERT INTO reseal_control_migration (version) VALUES (3);
