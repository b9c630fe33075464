-- Pins that an operator had forgotten: since then the key id may stand for other bytes.
CREATE TABLE reseal.forgotten_pin (
    plan         text   NOT NULL,
    keyset       text   NOT NULL,
    key_id       text   NOT NULL,
    method       text   NOT NULL,
    salt         text   NOT NULL,
    fingerprint  text   NOT NULL,
    pinned_at    bigint NOT NULL,
    forgotten_at bigint NOT NULL,
    operator     text   NOT NULL,
    reason       text,
    PRIMARY KEY (plan, keyset, key_id, forgotten_at)
);

INSERT INTO reseal.migration (version) VALUES (8);
