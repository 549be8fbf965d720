-- A run of these agents has ended: those that waited for it, and those that got a row back, may be looked at again.
WITH waiting AS (
    SELECT agent_id FROM executions_agentgate
    WHERE agent_id = ANY(%(ended)s) AND (next_eligible_at > clock_timestamp() OR agent_id = ANY(%(given_back)s))
    ORDER BY agent_id
    FOR UPDATE
)
UPDATE executions_agentgate AS gate SET next_eligible_at = clock_timestamp()
FROM waiting WHERE gate.agent_id = waiting.agent_id
