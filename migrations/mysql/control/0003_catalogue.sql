-- The key catalogue and approvals. Times are milliseconds since 1970 by the server's clock.
-- A key: its id in a plan, and what its bytes hash to. One id may stand for several keys, one after another, where the
-- plan says that ids are roles.
CREATE TABLE IF NOT EXISTS reseal_catalogue_key (
    id           varchar(64) PRIMARY KEY,
    plan         varchar(200) NOT NULL,
    keyset       varchar(128) NOT NULL,
    key_id       varchar(128) NOT NULL,
    generation   bigint NOT NULL,             -- 0 for the first key that was known by this id
    method       varchar(32) NOT NULL,          -- how the fingerprint was made
    salt         longtext NOT NULL,
    fingerprint  longtext NOT NULL,
    origin       varchar(32) NOT NULL,          -- generated: by Reseal, in nobody's use yet; found: it was in the plan
    state        varchar(32) NOT NULL,
    created_at   bigint NOT NULL,
    activated_at bigint,                      -- NULL: never, or before the catalogue knew of it
    retired_at   bigint,
    destroyed_at bigint,
    expires_at   bigint,                      -- as the source of the key says
    UNIQUE (plan, keyset, key_id, generation)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every transition of a key: who, when and why.
CREATE TABLE IF NOT EXISTS reseal_catalogue_move (
    id         varchar(64) PRIMARY KEY,
    entry      varchar(64) NOT NULL,
    from_state varchar(32) NOT NULL,
    to_state   varchar(32) NOT NULL,
    at         bigint NOT NULL,
    operator   longtext NOT NULL,
    reason     longtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_catalogue_move_by_entry ON reseal_catalogue_move (entry, at);

-- What a census or a sweep counted.
CREATE TABLE IF NOT EXISTS reseal_catalogue_census (
    id       varchar(64) PRIMARY KEY,
    plan     varchar(200) NOT NULL,
    at       bigint NOT NULL,
    scope    longtext NOT NULL,                -- JSON: what it was narrowed to
    whole    bigint NOT NULL,                 -- 1: the whole plan, 0: a scope of it
    document longtext NOT NULL                 -- JSON: as `census --json` prints it
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_catalogue_census_by_plan ON reseal_catalogue_census (plan, at);

-- What became of a key outside: backups, trials of them, archives.
CREATE TABLE IF NOT EXISTS reseal_catalogue_copy (
    id       varchar(64) PRIMARY KEY,
    entry    varchar(64) NOT NULL,
    kind     varchar(32) NOT NULL,              -- backup, archive, restore-test
    at       bigint NOT NULL,
    operator longtext NOT NULL,
    file     longtext NOT NULL,
    digest   longtext NOT NULL,                -- SHA-256 of the file
    result   longtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_catalogue_copy_by_entry ON reseal_catalogue_copy (entry, at);

-- Emergency runs: that they were, and when they must be over.
CREATE TABLE IF NOT EXISTS reseal_emergency (
    run_id   varchar(64) PRIMARY KEY,
    plan     varchar(200) NOT NULL,
    at       bigint NOT NULL,
    operator longtext NOT NULL,
    deadline bigint,
    skipped  longtext NOT NULL                 -- JSON: rules of the policy that were set aside
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What people are asked to agree to. What they sign is built anew from these columns, never stored.
CREATE TABLE IF NOT EXISTS reseal_approval_request (
    id         varchar(64) PRIMARY KEY,
    plan       varchar(200) NOT NULL,
    kind       varchar(32) NOT NULL,            -- run, emergency, rollback, destroy
    digest     varchar(64) NOT NULL,            -- of the plan
    scope      longtext NOT NULL,
    fingerprints longtext NOT NULL,            -- JSON: the keys
    operator   longtext NOT NULL,
    needed     bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at    bigint,
    used_for   longtext
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_approval_request_by_plan ON reseal_approval_request (plan, created_at);

CREATE TABLE IF NOT EXISTS reseal_approval (
    request   varchar(64) NOT NULL,
    approver  varchar(128) NOT NULL,
    signature longtext NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (request, approver)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (3);
