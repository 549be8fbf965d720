-- How many executions of a workspace are in each status, of those recorded since `floor`; counting stops at `ceiling`.
SELECT wanted.status, counted.n
FROM unnest(%(statuses)s::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (
        SELECT 1
        FROM executions_execution
        WHERE workspace_id = %(workspace)s AND status = wanted.status AND id >= %(floor)s
        LIMIT %(ceiling)s
    ) AS bounded
) AS counted
