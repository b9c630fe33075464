-- Letters to single recipients. The id is made from kind, plan, subject, slot and recipient.
CREATE TABLE reseal.outbox (
    id          text   PRIMARY KEY,
    kind        text   NOT NULL,
    plan        text   NOT NULL,
    subject     text   NOT NULL,
    slot        text   NOT NULL,
    via         text   NOT NULL,
    address     text,
    fields      text   NOT NULL,             -- JSON: pairs of name and text
    resolved    bigint NOT NULL,             -- 1: tells that something is over
    posted_at   bigint NOT NULL,             -- milliseconds since 1970, as are all times
    state       text   NOT NULL,             -- waiting, sent, dead
    attempts    bigint NOT NULL,
    next_at     bigint NOT NULL,
    reason      text,                        -- of the last attempt
    done_at     bigint,
    holder      text,                        -- who tries it
    lease_until bigint NOT NULL              -- by the server's clock
);
CREATE INDEX outbox_by_state ON reseal.outbox (plan, state, next_at);

-- What is wrong, each cause once.
CREATE TABLE reseal.alert (
    plan   text   NOT NULL,
    kind   text   NOT NULL,
    cause  text   NOT NULL,
    active bigint NOT NULL,
    times  bigint NOT NULL,                  -- how often it has been on
    since  bigint NOT NULL,                  -- on or off since
    PRIMARY KEY (plan, kind, cause)
);

-- What was last seen of things that should move, and since when.
CREATE TABLE reseal.notice_seen (
    name  text   PRIMARY KEY,
    seen  text   NOT NULL,
    since bigint NOT NULL
);

INSERT INTO reseal.control_migration (version) VALUES (5);
