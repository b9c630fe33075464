-- Which database a request is about. One that an earlier version made has none.
CREATE TABLE reseal.approval_target (
    request text PRIMARY KEY REFERENCES reseal.approval_request (id),
    target  text NOT NULL                -- JSON: place, name, server, ledger
);

INSERT INTO reseal.control_migration (version) VALUES (7);
