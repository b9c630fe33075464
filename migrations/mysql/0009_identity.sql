-- What this ledger is told from others by, wherever it is restored to: what people agree to names it.
CREATE TABLE IF NOT EXISTS reseal_identity (
    id varchar(64) NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO reseal_identity (id) SELECT made.id FROM (SELECT UUID() AS id) AS made WHERE NOT EXISTS (SELECT 1 FROM reseal_identity);

INSERT IGNORE INTO reseal_migration (version) VALUES (9);
