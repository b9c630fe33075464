-- What the command line that started a run asked for in place of the plan's own pace: it is resumed with the same.
CREATE TABLE reseal.pace (
    run_id     text   NOT NULL PRIMARY KEY REFERENCES reseal.run (id),
    workers    bigint,                    -- number of workers
    batch_rows bigint                     -- rows of a batch
);

INSERT INTO reseal.migration (version) VALUES (5);
