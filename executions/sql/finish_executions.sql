-- The ends of many runs at once, each a compare-and-set on its lease. A run whose lease somebody else holds by now is not touched
-- and not returned. A run that somebody asked to cancel does not go back to the queue.
-- The last column says whether a trigger may want to hear of the end (executions.completing); index trigger_topic.
-- `|| ''` keeps the planner from walking a partial index over the status, which looks empty in old statistics and may hold
-- the whole queue: the rows are found by their ids.
UPDATE executions_execution AS execution
SET status = CASE WHEN execution.cancel_requested AND ended.status IN ('queued', 'retrying', 'waiting_approval') THEN 'cancelled' ELSE ended.status END,
    reason = ended.reason,
    output = ended.output,
    error_message = ended.error_message,
    error = ended.error,
    at_failure = COALESCE(ended.at_failure, execution.at_failure),
    run_at = CASE WHEN NOT execution.cancel_requested THEN ended.run_at END,
    resumes = ended.resumes,
    held_for = ended.held_for,
    holds = LEAST(execution.holds + CASE WHEN ended.held_for = '' THEN 0 ELSE 1 END, 32000),
    usage = execution.usage || ended.usage,
    finished_at = CASE
        WHEN ended.is_final OR (execution.cancel_requested AND ended.status IN ('queued', 'retrying', 'waiting_approval')) THEN %(now)s
    END,
    lease = NULL,
    deadline_at = NULL
FROM jsonb_to_recordset(%(ended)s::jsonb) AS ended(
    id uuid, status text, reason text, output jsonb, error_message text, error jsonb, run_at timestamptz, resumes boolean,
    held_for text, usage jsonb, is_final boolean, at_failure jsonb
)
WHERE execution.id = ended.id AND execution.status || '' = 'running' AND execution.lease = %(lease)s
RETURNING execution.id, execution.status,
    execution.finished_at IS NOT NULL AND NOT execution.is_test AND EXISTS (
        SELECT FROM triggers_trigger AS listener
        WHERE listener.workspace_id = execution.workspace_id
            AND listener.topic IN (
                'execution.*', 'execution.completed', 'execution.failed',
                'completed:*', 'completed:' || execution.agent_id || ':*',
                'completed:' || execution.agent_id || ':success', 'completed:' || execution.agent_id || ':failed',
                'completed:' || execution.agent_id || ':cancelled'
            )
    )
