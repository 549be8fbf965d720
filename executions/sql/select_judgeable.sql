-- The first rows of each agent that a model could be asked about, in the queue's order, for at most `look` agents behind
-- `after`; a row of nulls beside an agent that has none to ask about now. Hops along index execution_judgeable from agent to
-- agent: its cost follows the number of agents looked at, not the length of the queue.
WITH RECURSIVE busy AS (
    (
        SELECT agent_id FROM executions_execution
        WHERE status = 'queued' AND verdict = 'pending' AND run_at IS NULL AND lease IS NULL AND agent_id > %(after)s
        ORDER BY agent_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT agent_id FROM executions_execution
        WHERE status = 'queued' AND verdict = 'pending' AND run_at IS NULL AND lease IS NULL AND agent_id > busy.agent_id
        ORDER BY agent_id
        LIMIT 1
    )
    FROM busy WHERE busy.agent_id IS NOT NULL
)
SELECT found.agent_id, first.id
FROM (SELECT agent_id FROM busy WHERE agent_id IS NOT NULL LIMIT %(look)s) AS found
LEFT JOIN agents_agent AS agent ON agent.id = found.agent_id
LEFT JOIN crm_workspace AS workspace ON workspace.id = agent.workspace_id
LEFT JOIN LATERAL (
    SELECT row.id, row.position
    FROM executions_execution AS row
    WHERE row.agent_id = found.agent_id AND NOT workspace.paused
      AND row.status = 'queued' AND row.verdict = 'pending' AND row.run_at IS NULL AND row.lease IS NULL
    ORDER BY row.position
    LIMIT %(each)s
) AS first ON true
ORDER BY found.agent_id, first.position
