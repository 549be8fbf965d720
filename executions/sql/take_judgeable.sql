-- These rows are being judged from now on, under one lease. What somebody else has just taken, cancelled or skipped is left
-- alone and not returned. `|| ''` keeps the planner from walking a partial index over the status: the rows are found by their ids.
UPDATE executions_execution AS execution
SET lease = %(lease)s, heartbeat = 0
FROM (
    SELECT id FROM executions_execution
    WHERE id = ANY(%(ids)s) AND status || '' = 'queued' AND verdict || '' = 'pending' AND run_at IS NULL AND lease IS NULL
    ORDER BY id
    FOR UPDATE SKIP LOCKED
) AS free
WHERE execution.id = free.id
RETURNING execution.id
