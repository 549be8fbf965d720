-- The oldest events of a workspace that nothing needs any more, locked, so that no replay begins meanwhile: their time is
-- over, and each of their executions has ended before the moment that `cutoffs` names for its status. `emptied`: whether
-- events whose bodies are gone count. `only`: out of these ids, or null for all. Uses index event_own.
SELECT event.id
FROM triggers_event AS event
WHERE event.workspace_id = %(workspace)s AND event.id > %(after)s AND event.id < %(floor)s
  AND event.state = ANY(%(states)s)
  AND (%(emptied)s OR event.bodies_kept_days IS NULL)
  AND (%(only)s::uuid[] IS NULL OR event.id = ANY(%(only)s::uuid[]))
  AND NOT EXISTS (
      SELECT FROM executions_execution AS execution
      WHERE execution.event_id = event.id
        AND COALESCE(execution.finished_at >= (%(cutoffs)s::jsonb ->> execution.status)::timestamptz, true)
  )
ORDER BY event.id
LIMIT %(limit)s
FOR UPDATE OF event SKIP LOCKED
