-- Letters to single recipients. The id is made from kind, plan, subject, slot and recipient.
CREATE TABLE reseal_outbox (
    id          text   PRIMARY KEY,
    kind        text   NOT NULL,
    plan        text   NOT NULL,
    subject     text   NOT NULL,
    slot        text   NOT NULL,
    via         text   NOT NULL,
    address     text,
    fields      text   NOT NULL,             -- JSON: pairs of name and text
    resolved    integer NOT NULL,             -- 1: tells that something is over
    posted_at   integer NOT NULL,             -- milliseconds since 1970, as are all times
    state       text   NOT NULL,             -- waiting, sent, dead
    attempts    integer NOT NULL,
    next_at     integer NOT NULL,
    reason      text,                        -- of the last attempt
    done_at     integer,
    holder      text,                        -- who tries it
    lease_until integer NOT NULL              -- by the server's clock
);
CREATE INDEX reseal_outbox_by_state ON reseal_outbox (plan, state, next_at);

-- What is wrong, each cause once.
CREATE TABLE reseal_alert (
    plan   text   NOT NULL,
    kind   text   NOT NULL,
    cause  text   NOT NULL,
    active integer NOT NULL,
    times  integer NOT NULL,                  -- how often it has been on
    since  integer NOT NULL,                  -- on or off since
    PRIMARY KEY (plan, kind, cause)
);

-- What was last seen of things that should move, and since when.
CREATE TABLE reseal_notice_seen (
    name  text   PRIMARY KEY,
    seen  text   NOT NULL,
    since integer NOT NULL
);

INSERT INTO reseal_control_migration (version) VALUES (5);
