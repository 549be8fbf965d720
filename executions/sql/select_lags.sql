-- For how many seconds the oldest event (or change that another program made) has waited for the dispatcher, the first agent that could start a run for a claim,
-- the oldest row that no judge has taken and that was not held before, and the first schedule that is due for its fire;
-- null where nothing waits. Then how many changes of other programs were put aside (index captured_aside), and whether our
-- own are captured too. Indexes event_new, captured_waiting, gate_eligible, execution_judgeable, schedule_due.
SELECT
    GREATEST(
        (SELECT EXTRACT(EPOCH FROM clock_timestamp() - recorded_at)::float FROM triggers_event WHERE state = 'new' ORDER BY id LIMIT 1),
        (SELECT EXTRACT(EPOCH FROM clock_timestamp() - changed_at)::float FROM crm_capturedchange WHERE attempts < 5 ORDER BY id LIMIT 1)
    ),
    (
        SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(gate.next_eligible_at))::float
        FROM executions_agentgate AS gate
        JOIN agents_agent AS agent ON agent.id = gate.agent_id
        JOIN crm_workspace AS workspace ON workspace.id = agent.workspace_id
        WHERE gate.next_eligible_at <= clock_timestamp() AND NOT workspace.paused
    ),
    (
        -- Only while nobody judges at all: a long queue of a model is not a worker that is gone. Index execution_judgeable.
        SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(row.created_at))::float
        FROM (
            SELECT created_at, workspace_id FROM executions_execution
            WHERE status = 'queued' AND verdict = 'pending' AND run_at IS NULL AND lease IS NULL
              AND reason = '' AND holds = 0
            LIMIT 1000
        ) AS row
        JOIN crm_workspace AS workspace ON workspace.id = row.workspace_id AND NOT workspace.paused
        WHERE NOT EXISTS (
            SELECT FROM executions_execution
            WHERE status = 'queued' AND verdict = 'pending' AND lease IS NOT NULL
        )
    ),
    (SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(next_fire_at))::float FROM triggers_schedule WHERE next_fire_at <= now()),
    (SELECT count(*) FROM crm_capturedchange WHERE attempts >= 5),
    (
        coalesce(current_setting('triggerfish.writer', true), '') = ''
        AND EXISTS (SELECT FROM pg_trigger WHERE tgname = 'triggerfish_capture')
    )
