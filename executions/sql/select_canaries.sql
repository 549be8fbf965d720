-- How the synthetic event of each class of workspaces goes, in seconds by the database's clock: since one was answered, how
-- long that one took, and for how long the next one has been due or waited. `is_due`: the next one may be emitted now; not
-- while the last one is under way, however long that takes. A time that lies ahead is a clock that was set back.
-- Indexes execution_once, alert_once.
SELECT
    canary.name,
    canary.workspace_id,
    moment.now,
    canary.late,
    EXTRACT(EPOCH FROM moment.now - LEAST(COALESCE(run.finished_at, canary.completed_at), moment.now))::float AS age,
    COALESCE(GREATEST(0, EXTRACT(EPOCH FROM run.finished_at - canary.emitted_at))::float, canary.latency_seconds) AS latency,
    GREATEST(0, EXTRACT(EPOCH FROM moment.now - CASE
        WHEN run.id IS NULL THEN canary.waits_since
        ELSE canary.emitted_at + make_interval(secs => %(period)s::float)
    END))::float AS waiting,
    run.finished_at,
    (
        (
            canary.emitted_at IS NULL
            OR canary.emitted_at NOT BETWEEN moment.now - make_interval(secs => %(period)s::float) AND moment.now + interval '1 second'
        )
        AND NOT EXISTS (SELECT FROM triggers_event WHERE id = canary.event_id AND state = 'new')
        AND NOT EXISTS (
            SELECT FROM executions_execution WHERE event_id = canary.event_id AND status <> ALL (%(ended)s::text[])
        )
    ) AS is_due,
    EXISTS (
        SELECT FROM executions_alert
        WHERE workspace_id = canary.workspace_id AND dedupe_key = 'canary' AND resolved_at IS NULL
    ) AS is_alerted
FROM executions_canary AS canary
CROSS JOIN LATERAL (SELECT clock_timestamp() AS now) AS moment
LEFT JOIN executions_execution AS run ON run.event_id = canary.event_id AND run.status = 'completed'
