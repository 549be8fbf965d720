-- queued or retrying -> skipped. A row that somebody started, cancelled or skipped meanwhile is left alone and not returned.
-- `|| ''` keeps the planner from walking a partial index over the status, which looks empty in old statistics and may hold
-- the whole queue: the rows are found by their ids.
UPDATE executions_execution AS execution
SET status = 'skipped',
    reason = %(reason)s,
    error_message = COALESCE(NULLIF(%(note)s, ''), execution.error_message),
    started_at = COALESCE(execution.started_at, %(now)s),
    finished_at = %(now)s,
    run_at = NULL,
    lease = NULL
WHERE execution.id = ANY(%(ids)s) AND execution.status || '' IN ('queued', 'retrying')
RETURNING execution.id, execution.workspace_id, execution.event_id, execution.agent_id, execution.agent_name,
    execution.trigger_id, execution.trigger_name, execution.status, execution.reason, execution.is_test, execution.attempt
