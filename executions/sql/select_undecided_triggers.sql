-- The triggers that are not active and have rows that wait for a model. Hops along index execution_undecided from trigger to
-- trigger: its cost follows the number of triggers, not the number of rows.
WITH RECURSIVE waiting AS (
    (
        SELECT trigger_id FROM executions_execution
        WHERE status = 'queued' AND verdict = 'pending' AND trigger_id IS NOT NULL
        ORDER BY trigger_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT trigger_id FROM executions_execution
        WHERE status = 'queued' AND verdict = 'pending' AND trigger_id > waiting.trigger_id
        ORDER BY trigger_id
        LIMIT 1
    )
    FROM waiting WHERE waiting.trigger_id IS NOT NULL
)
SELECT listener.id, listener.status
FROM waiting
JOIN triggers_trigger AS listener ON listener.id = waiting.trigger_id
WHERE listener.status <> 'active'
