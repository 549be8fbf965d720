-- Events that were dispatched, with one execution each: completed ones, or queued ones. Needs PostgreSQL 18, as `make bench` has.
WITH made AS (
    INSERT INTO triggers_event (
        id, workspace_id, type, topic, source, subject, dedupe_key, payload, actor, verified, occurred_at, root_id,
        depth, chain, correlation_id, state, attempts, executions_count, error
    )
    SELECT one.id, %(workspace)s, 'contact_created', 'contact_created', 'crm', '', '', '{"contact": {}}', 'system', true,
        clock_timestamp(), one.id, 0, '[]', '', 'matched', 0, 1, ''
    FROM (SELECT uuidv7() AS id FROM generate_series(1, %(rows)s)) AS one
    RETURNING id
)
INSERT INTO executions_execution (
    id, workspace_id, event_id, trigger_id, agent_id, listener_id, trigger_name, agent_name, trigger_type, agent_version,
    replay_no, is_test, status, reason, trace, verdict, inputs, correlation_id, created_at, started_at, finished_at,
    error_message, attempt, losses, resumes, heartbeat, cancel_requested, worker, usage
)
SELECT uuidv7(), %(workspace)s, made.id, %(trigger)s, %(agent)s, %(trigger)s, 'history', 'No-op', 'event: contact_created', 1,
    0, false, %(status)s, '', '[]', 'none_needed', '{}', '', clock_timestamp(),
    CASE WHEN %(ended)s THEN clock_timestamp() END, CASE WHEN %(ended)s THEN clock_timestamp() END,
    '', %(ended)s::int, 0, false, 0, false, '', '{}'
FROM made
