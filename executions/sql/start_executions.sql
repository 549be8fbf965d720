-- queued -> running under one lease, and a row in the log of starts for each that does not go on from before. A row that
-- somebody cancelled or skipped meanwhile is left alone and not returned.
-- The last column says whether a trigger may want to hear of the start (executions.completing); index trigger_topic.
-- `|| ''` keeps the planner from walking a partial index over the status, which looks empty in old statistics and may hold
-- the whole queue: the rows are found by their ids.
WITH started AS (
    UPDATE executions_execution AS execution
    SET status = 'running',
        lease = %(lease)s,
        worker = %(worker)s,
        heartbeat = 0,
        attempt = execution.attempt + CASE WHEN execution.resumes THEN 0 ELSE 1 END,
        started_at = COALESCE(execution.started_at, %(now)s),
        deadline_at = %(now)s + make_interval(secs => chosen.timeout)
    FROM unnest(%(ids)s::uuid[], %(timeouts)s::float[]) AS chosen(id, timeout)
    WHERE execution.id = chosen.id AND execution.status || '' = 'queued' AND execution.run_at IS NULL
    RETURNING execution.id, execution.agent_id, execution.trigger_id, execution.attempt, execution.resumes,
        execution.correlation_id, execution.workspace_id, execution.is_test, execution.is_unsigned
), logged AS (
    INSERT INTO executions_agentstart (workspace_id, agent_id, trigger_id, at, is_first, is_unsigned)
    SELECT workspace_id, agent_id, trigger_id, %(now)s, attempt = 1, is_unsigned FROM started WHERE NOT resumes
)
SELECT id, correlation_id,
    attempt = 1 AND NOT resumes AND NOT is_test AND EXISTS (
        SELECT FROM triggers_trigger AS listener
        WHERE listener.workspace_id = started.workspace_id AND listener.topic IN ('execution.*', 'execution.started')
    )
FROM started
