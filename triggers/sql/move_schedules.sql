-- What became of due schedules, one row each: the next fire, and the last one where there was one.
UPDATE triggers_schedule AS s SET
    next_slot_at = told.next_slot_at,
    next_fire_at = told.next_fire_at,
    last_slot_at = COALESCE(told.last_slot_at, s.last_slot_at),
    last_fired_at = CASE WHEN told.last_slot_at IS NULL THEN s.last_fired_at ELSE %(now)s END,
    missed_before_last = CASE WHEN told.last_slot_at IS NULL THEN s.missed_before_last ELSE told.before_last END,
    missed = told.missed,
    missed_total = s.missed_total + told.newly_missed
FROM jsonb_to_recordset(%(rows)s::jsonb) AS told(
    trigger_id uuid, next_slot_at timestamptz, next_fire_at timestamptz, last_slot_at timestamptz,
    before_last bigint, missed bigint, newly_missed bigint
)
WHERE s.trigger_id = told.trigger_id
