-- Pins that an operator had forgotten: since then the key id may stand for other bytes.
CREATE TABLE IF NOT EXISTS reseal_forgotten_pin (
    plan         varchar(200) NOT NULL,
    keyset       varchar(128) NOT NULL,
    key_id       varchar(128) NOT NULL,
    method       varchar(32)  NOT NULL,
    salt         longtext     NOT NULL,
    fingerprint  longtext     NOT NULL,
    pinned_at    bigint       NOT NULL,
    forgotten_at bigint       NOT NULL,
    operator     longtext     NOT NULL,
    reason       longtext,
    PRIMARY KEY (plan, keyset, key_id, forgotten_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO reseal_migration (version) VALUES (8);
