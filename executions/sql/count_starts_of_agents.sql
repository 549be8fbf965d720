-- How many starts each agent made since its moment and not after `until`, counting no further than its limit, and the oldest of those counted: when
-- that one leaves the window, there is a place again. Reads the newest entries of index start_agent, `limit` of them at most.
SELECT wanted.id, counted.n, counted.oldest
FROM unnest(%(ids)s::uuid[], %(limits)s::bigint[], %(since)s::timestamptz[]) AS wanted(id, bound, since)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(at) AS oldest
    FROM (
        SELECT at FROM executions_agentstart
        WHERE agent_id = wanted.id AND at > wanted.since AND at <= %(until)s AND (is_first OR NOT %(first_only)s)
            AND (is_unsigned OR NOT %(unsigned_only)s)
        ORDER BY at DESC
        LIMIT wanted.bound
    ) AS newest
) AS counted
