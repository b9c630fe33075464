-- Letters to single recipients. The id is made from kind, plan, subject, slot and recipient.
CREATE TABLE IF NOT EXISTS reseal_outbox (
    id          varchar(64)   PRIMARY KEY,
    kind        varchar(64)   NOT NULL,
    plan        varchar(64)   NOT NULL,
    subject     longtext   NOT NULL,
    slot        longtext   NOT NULL,
    via         longtext   NOT NULL,
    address     longtext,
    fields      longtext   NOT NULL,             -- JSON: pairs of name and text
    resolved    bigint NOT NULL,             -- 1: tells that something is over
    posted_at   bigint NOT NULL,             -- milliseconds since 1970, as are all times
    state       varchar(16)   NOT NULL,             -- waiting, sent, dead
    attempts    bigint NOT NULL,
    next_at     bigint NOT NULL,
    reason      longtext,                        -- of the last attempt
    done_at     bigint,
    holder      longtext,                        -- who tries it
    lease_until bigint NOT NULL              -- by the server's clock
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX reseal_outbox_by_state ON reseal_outbox (plan, state, next_at);

-- What is wrong, each cause once.
CREATE TABLE IF NOT EXISTS reseal_alert (
    plan   varchar(64)   NOT NULL,
    kind   varchar(64)   NOT NULL,
    cause  varchar(200)   NOT NULL,
    active bigint NOT NULL,
    times  bigint NOT NULL,                  -- how often it has been on
    since  bigint NOT NULL,                  -- on or off since
    PRIMARY KEY (plan, kind, cause)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What was last seen of things that should move, and since when.
CREATE TABLE IF NOT EXISTS reseal_notice_seen (
    name  varchar(200)   PRIMARY KEY,
    seen  longtext   NOT NULL,
    since bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_control_migration (version) VALUES (5);
