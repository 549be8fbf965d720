-- Schedules that are due, oldest first; what another tick holds is left to it. Uses index schedule_due.
SELECT
    s.trigger_id, t.workspace_id, t.status, s.cron_expression, s.timezone, s.catch_up, s.jitter_seconds,
    s.ends_at, s.next_slot_at, s.missed
FROM triggers_schedule AS s
JOIN triggers_trigger AS t ON t.id = s.trigger_id
WHERE s.next_fire_at <= %(now)s
ORDER BY s.next_fire_at
LIMIT %(limit)s
FOR NO KEY UPDATE OF s SKIP LOCKED
