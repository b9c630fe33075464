-- Runs that roll another one back. Such a run puts kept cells back in the round that `restores` names; in those that follow
-- it seals anew what was written since.
CREATE TABLE reseal_rollback (
    run_id   text NOT NULL PRIMARY KEY REFERENCES reseal_run (id),
    of_run   text NOT NULL UNIQUE REFERENCES reseal_run (id),
    restores integer NOT NULL
);

-- Cells that were under the new key already when a run came to them, batch by batch: digests of 16 bytes each. A rollback
-- leaves such cells alone.
CREATE TABLE reseal_stood (
    run_id  text NOT NULL REFERENCES reseal_run (id),
    shard   integer NOT NULL,
    batch   integer NOT NULL,
    digests blob NOT NULL,
    PRIMARY KEY (run_id, shard, batch)
);

-- The view tells a rollback from a rotation: one that is complete is rolled_back. Its records are kept cells.
DROP VIEW reseal_rotation_progress;

CREATE VIEW reseal_rotation_progress AS
SELECT r.id AS rotation_id,
       s.table_name,
       sum(CASE WHEN s.round = coalesce(b.restores, 1) THEN s.rows_total ELSE 0 END) AS total_records,
       sum(CASE WHEN s.round = coalesce(b.restores, 1) THEN s.rows_scanned ELSE 0 END) AS processed_records,
       (SELECT count(*) FROM reseal_quarantine q WHERE q.run_id = r.id AND q.table_name = s.table_name)
           AS failed_records,
       CASE WHEN b.run_id IS NOT NULL AND r.state = 'complete' THEN 'rolled_back' ELSE
       CASE r.state
           WHEN 'complete' THEN 'completed'
           WHEN 'scope_done' THEN 'completed'
           WHEN 'prepared' THEN 'in_progress'
           WHEN 'running' THEN 'in_progress'
           WHEN 'rolling_back' THEN 'in_progress'
           ELSE r.state
       END END AS status,
       (SELECT c.checkpoint FROM reseal_shard c
        WHERE c.run_id = r.id AND c.table_name = s.table_name AND c.checkpoint IS NOT NULL
        ORDER BY c.number DESC LIMIT 1) AS last_checkpoint_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.completed_at / 1000.0, 'unixepoch') AS completed_at
FROM reseal_run r
JOIN reseal_shard s ON s.run_id = r.id
LEFT JOIN reseal_rollback b ON b.run_id = r.id
GROUP BY r.id, s.table_name, r.state, r.created_at, r.completed_at, b.run_id, b.restores;

INSERT INTO reseal_migration (version) VALUES (7);
