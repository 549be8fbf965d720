-- What stands in the tables now, as (figure, label, label, number), of one workspace or of all. Executions that have not
-- ended are counted workspace by workspace, from index execution_status_newest alone, and no further than `most`.
-- What the system made for itself is not counted, but for its alerts.
WITH mine AS (
    SELECT id FROM crm_workspace
    WHERE CASE WHEN %(workspace)s::uuid IS NULL THEN NOT is_system ELSE id = %(workspace)s::uuid END
)
SELECT 'triggers', trigger_type, status, count(*)
FROM triggers_trigger WHERE NOT is_builtin AND workspace_id IN (SELECT id FROM mine) GROUP BY trigger_type, status
UNION ALL
SELECT 'agents', status, '', count(*)
FROM agents_agent WHERE workspace_id IN (SELECT id FROM mine) GROUP BY status
UNION ALL
SELECT 'executions_open', wanted.status, '', COALESCE(sum(counted.n), 0)
FROM unnest(%(statuses)s::text[]) AS wanted (status)
LEFT JOIN mine ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM executions_execution
        WHERE workspace_id = mine.id AND status = wanted.status LIMIT %(most)s
    ) AS bounded
) AS counted ON true
GROUP BY wanted.status
UNION ALL
SELECT 'executions_undecided', '', '', count(*) FILTER (WHERE workspace_id IN (SELECT id FROM mine))
FROM (
    SELECT workspace_id FROM executions_execution WHERE status = 'queued' AND verdict = 'pending' LIMIT %(most)s
) AS undecided
UNION ALL
SELECT 'events_waiting', '', '', count(*) FILTER (WHERE workspace_id IN (SELECT id FROM mine))
FROM (SELECT workspace_id FROM triggers_event WHERE state = 'new' LIMIT %(most)s) AS waiting
UNION ALL
SELECT 'alerts_open', kind, '', count(*)
FROM executions_alert
WHERE resolved_at IS NULL AND (%(workspace)s::uuid IS NULL OR workspace_id IN (SELECT id FROM mine)) GROUP BY kind
UNION ALL
SELECT 'hosts_away', '', '', count(*)
FROM agents_failinghost WHERE open_until IS NOT NULL AND workspace_id IN (SELECT id FROM mine)
