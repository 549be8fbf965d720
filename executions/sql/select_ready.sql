-- The first ready rows of each trigger of these agents, in the queue's order. One probe of index execution_ready per trigger,
-- whatever the length of the queue.
SELECT ready.id, ready.agent_id, ready.trigger_id, ready.position, ready.attempt, ready.resumes, ready.is_test,
    ready.created_at, ready.is_unsigned
FROM triggers_trigger AS listener
CROSS JOIN LATERAL (
    SELECT id, agent_id, trigger_id, position, attempt, resumes, is_test, created_at, is_unsigned
    FROM executions_execution
    WHERE trigger_id = listener.id AND agent_id = listener.agent_id
      AND status = 'queued' AND run_at IS NULL AND NOT (verdict = 'pending')
      AND losses BETWEEN %(least)s AND %(most)s
    ORDER BY position
    LIMIT %(each)s
) AS ready
WHERE listener.agent_id = ANY(%(agents)s)
ORDER BY ready.position
