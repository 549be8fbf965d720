-- What the finished runs mean for their triggers' figures. Tests count for the totals, never for consecutive failures.
UPDATE executions_triggergate AS gate
SET last_execution_at = %(now)s,
    total_executions = gate.total_executions + counted.total,
    successful_executions = gate.successful_executions + counted.good,
    failed_executions = gate.failed_executions + counted.bad,
    consecutive_failures = CASE WHEN counted.good_row THEN counted.streak ELSE gate.consecutive_failures + counted.streak END
FROM unnest(%(ids)s::uuid[], %(totals)s::int[], %(good)s::int[], %(bad)s::int[], %(streaks)s::int[], %(good_rows)s::bool[])
    AS counted(trigger_id, total, good, bad, streak, good_row)
WHERE gate.trigger_id = counted.trigger_id
RETURNING gate.trigger_id, gate.consecutive_failures
