-- The control database: what belongs to no single run. It may share a database with a ledger.
CREATE TABLE IF NOT EXISTS reseal_control_migration (version bigint PRIMARY KEY) ENGINE=InnoDB;
INSERT IGNORE INTO reseal_control_migration (version) VALUES (1);
