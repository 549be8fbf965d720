-- The executions that a batch of events made, in the order in which they were decided: the queue's positions follow it.
-- One parameter for the batch: the ORM takes longer to compile forty columns of two hundred rows than PostgreSQL to store them.
INSERT INTO executions_execution (
    id, workspace_id, event_id, trigger_id, agent_id, listener_id, trigger_name, agent_name, trigger_type, agent_version,
    replay_no, replay_of, is_test, status, reason, trace, verdict, inputs, correlation_id, created_at, started_at,
    finished_at, error_message,
    attempt, losses, resumes, heartbeat, cancel_requested, worker, usage
)
SELECT
    id, workspace_id, event_id, trigger_id, agent_id, listener_id, trigger_name, agent_name, trigger_type, agent_version,
    replay_no, replay_of, is_test, status, reason, trace, verdict, inputs, correlation_id, created_at, started_at,
    finished_at, error_message,
    0, 0, false, 0, false, '', '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS decided(
    id uuid, workspace_id uuid, event_id uuid, trigger_id uuid, agent_id uuid, listener_id uuid, trigger_name text,
    agent_name text, trigger_type text, agent_version int, replay_no int, replay_of uuid, is_test boolean, status text,
    reason text, trace jsonb, verdict text, inputs jsonb, correlation_id text, created_at timestamptz,
    started_at timestamptz, finished_at timestamptz, error_message text
)
