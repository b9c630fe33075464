-- What this ledger is told from others by, wherever it is restored to: what people agree to names it.
CREATE TABLE reseal_identity (
    id text NOT NULL PRIMARY KEY
);
INSERT INTO reseal_identity (id) VALUES (lower(hex(randomblob(16))));

INSERT INTO reseal_migration (version) VALUES (9);
