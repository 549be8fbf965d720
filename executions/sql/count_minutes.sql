-- How many of a workspace's newest executions ended in each minute since `since`, by status.
SELECT date_trunc('minute', finished_at), status, count(*)
FROM (
    SELECT finished_at, status
    FROM executions_execution
    WHERE workspace_id = %(workspace)s AND id >= %(floor)s
    ORDER BY id DESC
    LIMIT %(ceiling)s
) AS newest
WHERE finished_at >= %(since)s
GROUP BY 1, 2
