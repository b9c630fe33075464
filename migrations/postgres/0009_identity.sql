-- What this ledger is told from others by, wherever it is restored to: what people agree to names it.
CREATE TABLE reseal.identity (
    id text PRIMARY KEY
);
INSERT INTO reseal.identity (id) VALUES (gen_random_uuid()::text);

INSERT INTO reseal.migration (version) VALUES (9);
