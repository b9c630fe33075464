-- Which database a request is about. One that an earlier version made has none.
CREATE TABLE reseal_approval_target (
    request text NOT NULL PRIMARY KEY REFERENCES reseal_approval_request (id),
    target  text NOT NULL                -- JSON: place, name, server, ledger
);

INSERT INTO reseal_control_migration (version) VALUES (7);
