-- What the command line that started a run asked for in place of the plan's own pace: it is resumed with the same.
CREATE TABLE reseal_pace (
    run_id     text    NOT NULL PRIMARY KEY REFERENCES reseal_run (id),
    workers    integer,                   -- number of workers
    batch_rows integer                    -- rows of a batch
);

INSERT INTO reseal_migration (version) VALUES (5);
