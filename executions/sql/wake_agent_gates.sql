-- A run of these agents has ended: those that waited for it, and those that got a row back, may be looked at again.
-- All of them are locked first: a claim that has just counted them as full and will wait for a finish must not miss this one.
WITH locked AS (
    SELECT agent_id, next_eligible_at FROM executions_agentgate
    WHERE agent_id = ANY(%(ended)s)
    ORDER BY agent_id
    FOR UPDATE
)
UPDATE executions_agentgate AS gate SET next_eligible_at = clock_timestamp()
FROM locked
WHERE gate.agent_id = locked.agent_id
  AND (locked.next_eligible_at > clock_timestamp() OR gate.agent_id = ANY(%(given_back)s))
