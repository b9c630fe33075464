-- What the source of a key says of it, as it was read last: the state is the application's own word.
CREATE TABLE reseal_catalogue_source (
    entry      text NOT NULL PRIMARY KEY REFERENCES reseal_catalogue_key (id),
    state      text,
    created_at integer,
    noted_at   integer NOT NULL
);

-- The state that a key had by its source when a run began, behind the steps of before.
CREATE TABLE reseal_catalogue_run_state (
    run_id text NOT NULL,
    entry  text NOT NULL REFERENCES reseal_catalogue_key (id),
    state  text NOT NULL,
    at     integer NOT NULL,
    PRIMARY KEY (run_id, entry)
);

INSERT INTO reseal_control_migration (version) VALUES (6);
