-- For how many seconds the oldest event has waited for the dispatcher, the first agent that could start a run for a claim,
-- and the first schedule that is due for its fire; null where nothing waits. Indexes event_new, gate_eligible, schedule_due.
SELECT
    (SELECT EXTRACT(EPOCH FROM clock_timestamp() - recorded_at)::float FROM triggers_event WHERE state = 'new' ORDER BY id LIMIT 1),
    (
        SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(gate.next_eligible_at))::float
        FROM executions_agentgate AS gate
        JOIN agents_agent AS agent ON agent.id = gate.agent_id
        JOIN crm_workspace AS workspace ON workspace.id = agent.workspace_id
        WHERE gate.next_eligible_at <= clock_timestamp() AND NOT workspace.paused
    ),
    (SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(next_fire_at))::float FROM triggers_schedule WHERE next_fire_at <= now())
