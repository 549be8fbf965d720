-- What a claim decided, written on the gates that it holds locked.
UPDATE executions_agentgate AS gate
SET next_eligible_at = decided.next_eligible_at,
    last_served_at = decided.last_served_at,
    pause_reason = decided.pause_reason,
    paused_at = decided.paused_at,
    limited_until = decided.limited_until
FROM unnest(
    %(ids)s::uuid[], %(next)s::timestamptz[], %(served)s::timestamptz[], %(reasons)s::text[], %(paused)s::timestamptz[],
    %(limited)s::timestamptz[]
) AS decided(agent_id, next_eligible_at, last_served_at, pause_reason, paused_at, limited_until)
WHERE gate.agent_id = decided.agent_id
