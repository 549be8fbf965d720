-- As count_starts_of_agents, for triggers. Reads the newest entries of index start_trigger, `limit` of them at most.
SELECT wanted.id, counted.n, counted.oldest
FROM unnest(%(ids)s::uuid[], %(limits)s::bigint[]) AS wanted(id, bound)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(at) AS oldest
    FROM (
        SELECT at FROM executions_agentstart
        WHERE trigger_id = wanted.id AND at > %(since)s AND at <= %(until)s
        ORDER BY at DESC
        LIMIT wanted.bound
    ) AS newest
) AS counted
