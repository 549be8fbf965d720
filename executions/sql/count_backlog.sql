-- How much work of a workspace waits, counted up to `limit`: queued and retrying runs from index execution_status_newest
-- alone, and recorded events that no dispatcher has seen from index event_new (few, unless dispatching stands still; no
-- more than ten times the limit of them is looked at).
SELECT
    (
        SELECT count(*) FROM (
            SELECT FROM executions_execution
            WHERE workspace_id = %(workspace)s AND status = 'queued' LIMIT %(limit)s
        ) AS queued
    ) + (
        SELECT count(*) FROM (
            SELECT FROM executions_execution
            WHERE workspace_id = %(workspace)s AND status = 'retrying' LIMIT %(limit)s
        ) AS retrying
    ) + (
        SELECT count(*) FILTER (WHERE workspace_id = %(workspace)s) FROM (
            SELECT workspace_id FROM triggers_event WHERE state = 'new' LIMIT 10 * %(limit)s
        ) AS recorded
    )
