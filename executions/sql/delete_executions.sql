-- Executions whose status is kept for a shorter time than their event, with their steps; the event counts them.
-- Uses index execution_status_newest.
WITH old AS (
    SELECT id, event_id, replay_no
    FROM executions_execution
    WHERE workspace_id = %(workspace)s AND status = %(status)s AND id < %(floor)s AND finished_at < %(before)s
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), steps AS (
    DELETE FROM executions_step USING old WHERE executions_step.execution_id = old.id
), judgements AS (
    DELETE FROM executions_judgement USING old WHERE executions_judgement.execution_id = old.id
), events AS (
    UPDATE triggers_event AS event SET executions_pruned = executions_pruned + first.number
    FROM (SELECT event_id, count(*) AS number FROM old WHERE replay_no = 0 GROUP BY event_id) AS first
    WHERE event.id = first.event_id
)
DELETE FROM executions_execution USING old WHERE executions_execution.id = old.id
RETURNING executions_execution.id
