-- The triggers that have ready rows, with the agent of the first of them. Hops along index execution_ready from trigger to
-- trigger: its cost follows the number of busy triggers, not the length of the queue or of the history. At most `limit` of
-- them, in the order of their ids, behind `after`.
WITH RECURSIVE busy AS (
    (
        SELECT trigger_id FROM executions_execution
        WHERE status = 'queued' AND run_at IS NULL AND NOT (verdict = 'pending') AND trigger_id > %(after)s
        ORDER BY trigger_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT trigger_id FROM executions_execution
        WHERE status = 'queued' AND run_at IS NULL AND NOT (verdict = 'pending') AND trigger_id > busy.trigger_id
        ORDER BY trigger_id
        LIMIT 1
    )
    FROM busy WHERE busy.trigger_id IS NOT NULL
)
SELECT listener.id, listener.agent_id, listener.status, first.agent_id
FROM (SELECT trigger_id FROM busy WHERE trigger_id IS NOT NULL LIMIT %(limit)s) AS found
JOIN triggers_trigger AS listener ON listener.id = found.trigger_id
CROSS JOIN LATERAL (
    SELECT agent_id FROM executions_execution
    WHERE trigger_id = listener.id AND status = 'queued' AND run_at IS NULL AND NOT (verdict = 'pending')
    ORDER BY position
    LIMIT 1
) AS first
ORDER BY listener.id
