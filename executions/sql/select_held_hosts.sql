-- The hosts outside that runs wait for. Hops along index execution_held from host to host: its cost follows the number of
-- hosts, not the number of runs that wait.
WITH RECURSIVE held AS (
    (
        SELECT workspace_id, held_for FROM executions_execution
        WHERE status = 'queued' AND NOT (held_for = '')
        ORDER BY workspace_id, held_for
        LIMIT 1
    )
    UNION ALL
    SELECT following.workspace_id, following.held_for
    FROM held
    CROSS JOIN LATERAL (
        SELECT workspace_id, held_for FROM executions_execution
        WHERE status = 'queued' AND NOT (held_for = '')
          AND (workspace_id, held_for) > (held.workspace_id, held.held_for)
        ORDER BY workspace_id, held_for
        LIMIT 1
    ) AS following
)
SELECT workspace_id, held_for FROM held
