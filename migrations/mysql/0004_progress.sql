-- The view speaks the words that operators query for: completed, in_progress; paused, failed and the rest as they are.
-- last_checkpoint_id is the furthest row key that is committed: shards are numbered in row-key order, round by round.
DROP VIEW IF EXISTS reseal_rotation_progress;

CREATE OR REPLACE VIEW reseal_rotation_progress AS
SELECT r.id AS rotation_id,
       s.table_name,
       CAST(sum(CASE WHEN s.round = 1 THEN s.rows_total ELSE 0 END) AS SIGNED) AS total_records,
       CAST(sum(CASE WHEN s.round = 1 THEN s.rows_scanned ELSE 0 END) AS SIGNED) AS processed_records,
       (SELECT count(*) FROM reseal_quarantine q WHERE q.run_id = r.id AND q.table_name = s.table_name)
           AS failed_records,
       CASE r.state
           WHEN 'complete' THEN 'completed'
           WHEN 'scope_done' THEN 'completed'
           WHEN 'prepared' THEN 'in_progress'
           WHEN 'running' THEN 'in_progress'
           WHEN 'rolling_back' THEN 'in_progress'
           ELSE r.state
       END AS status,
       (SELECT c.checkpoint FROM reseal_shard c
        WHERE c.run_id = r.id AND c.table_name = s.table_name AND c.checkpoint IS NOT NULL
        ORDER BY c.number DESC LIMIT 1) AS last_checkpoint_id,
       FROM_UNIXTIME(r.created_at / 1000.0) AS started_at,
       FROM_UNIXTIME(r.completed_at / 1000.0) AS completed_at
FROM reseal_run r
JOIN reseal_shard s ON s.run_id = r.id
GROUP BY r.id, s.table_name, r.state, r.created_at, r.completed_at;

INSERT IGNORE INTO reseal_migration (version) VALUES (4);
