-- The moment of the last accepted event of each trigger; it never moves backwards.
UPDATE executions_triggergate AS gate
SET last_accepted_at = GREATEST(gate.last_accepted_at, accepted.at)
FROM unnest(%(ids)s::uuid[], %(accepted)s::timestamptz[]) AS accepted(trigger_id, at)
WHERE gate.trigger_id = accepted.trigger_id
