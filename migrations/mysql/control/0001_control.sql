-- The control database: what belongs to no single run. It may share a database with a ledger.
CREATE TABLE reseal_control_migration (version bigint PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO reseal_control_migration (version) VALUES (1);
