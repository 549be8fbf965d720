-- What a batch decided, in one statement: the events are matched, with how many executions each made; the gates of triggers
-- remember the moment of the last accepted event, which never moves backwards; the gates of agents are looked at; and the
-- executions are there, in the order in which they were decided: the queue's positions follow it.
-- One parameter for the rows: the ORM takes longer to compile forty columns of two hundred rows than PostgreSQL to store them.
-- `|| ''` keeps the planner from walking a partial index over the state, which looks empty in old statistics and may hold
-- all that is new: the rows are found by their ids.
WITH matched AS (
    UPDATE triggers_event AS event
    SET state = 'matched', executions_count = event.executions_count + made.count
    FROM unnest(%(events)s::uuid[], %(counts)s::int[]) AS made(id, count)
    WHERE event.id = made.id AND event.state || '' = 'new'
), accepted AS (
    UPDATE executions_triggergate AS gate
    SET last_accepted_at = GREATEST(gate.last_accepted_at, newest.at)
    FROM unnest(%(triggers)s::uuid[], %(accepted)s::timestamptz[]) AS newest(trigger_id, at)
    WHERE gate.trigger_id = newest.trigger_id
), awake AS (
    UPDATE executions_agentgate
    SET next_eligible_at = %(now)s
    WHERE agent_id = ANY(%(agents)s) AND (next_eligible_at IS NULL OR next_eligible_at > %(now)s)
)
INSERT INTO executions_execution (
    id, workspace_id, event_id, trigger_id, agent_id, listener_id, trigger_name, agent_name, trigger_type, agent_version,
    replay_no, replay_of, is_test, is_unsigned, status, reason, trace, verdict, inputs, extracts, correlation_id, created_at, started_at,
    finished_at, error_message,
    attempt, losses, resumes, heartbeat, cancel_requested, worker, usage
)
SELECT
    id, workspace_id, event_id, trigger_id, agent_id, listener_id, trigger_name, agent_name, trigger_type, agent_version,
    replay_no, replay_of, is_test, is_unsigned, status, reason, trace, verdict, inputs, extracts, correlation_id, created_at, started_at,
    finished_at, error_message,
    0, 0, false, 0, false, '', '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS decided(
    id uuid, workspace_id uuid, event_id uuid, trigger_id uuid, agent_id uuid, listener_id uuid, trigger_name text,
    agent_name text, trigger_type text, agent_version int, replay_no int, replay_of uuid, is_test boolean,
    is_unsigned boolean, status text,
    reason text, trace jsonb, verdict text, inputs jsonb, extracts jsonb, correlation_id text, created_at timestamptz,
    started_at timestamptz, finished_at timestamptz, error_message text
)
