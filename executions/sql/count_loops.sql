-- What the loop guard compares with its bounds: how many runs each root has, and when the events were recorded that each
-- trigger ran for about a subject. Both stop at the bound; of a subject's events only so many newest are looked at,
-- so that a flood of skipped ones costs no more. Rows (root, null, null, n, null) and (null, trigger, subject, n, times).
SELECT asked.root, NULL::uuid, NULL::text, counted.n, NULL::timestamptz[]
FROM unnest(%(roots)s::uuid[]) AS asked (root)
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (
        SELECT 1
        FROM triggers_event AS event
        JOIN executions_execution AS execution ON execution.event_id = event.id
        WHERE event.root_id = asked.root AND execution.status <> 'skipped'
        LIMIT %(per_root)s
    ) AS bounded
) AS counted
UNION ALL
SELECT NULL, asked.trigger, asked.subject, cardinality(ran.times), ran.times
FROM unnest(%(workspaces)s::uuid[], %(triggers)s::uuid[], %(subjects)s::text[]) AS asked (workspace, trigger, subject)
CROSS JOIN LATERAL (
    SELECT array_agg(bounded.recorded_at) AS times
    FROM (
        SELECT event.recorded_at
        FROM (
            SELECT id, recorded_at FROM triggers_event
            WHERE workspace_id = asked.workspace AND subject = asked.subject AND subject <> '' AND id >= %(floor)s
            ORDER BY id DESC
            LIMIT %(looks)s
        ) AS event
        JOIN executions_execution AS execution
            ON execution.event_id = event.id AND execution.listener_id = asked.trigger AND execution.replay_no = 0
        WHERE execution.status <> 'skipped'
        LIMIT %(per_subject)s
    ) AS bounded
) AS ran
WHERE ran.times IS NOT NULL
