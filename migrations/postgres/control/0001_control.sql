-- The control database: what belongs to no single run. It may share a database with a ledger.
CREATE SCHEMA IF NOT EXISTS reseal;

CREATE TABLE reseal.control_migration (version bigint PRIMARY KEY);
INSERT INTO reseal.control_migration (version) VALUES (1);
