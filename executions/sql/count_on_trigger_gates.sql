-- What the finished runs mean for their triggers' figures. Tests count for the totals, never for consecutive failures.
WITH counted AS (
    SELECT * FROM jsonb_to_recordset(%(figures)s::jsonb)
        AS figure(trigger_id uuid, total int, good int, bad int, streak int, recovered boolean)
), locked AS (
    SELECT trigger_id FROM executions_triggergate
    WHERE trigger_id IN (SELECT trigger_id FROM counted) ORDER BY trigger_id FOR UPDATE
)
UPDATE executions_triggergate AS gate
SET last_execution_at = %(now)s,
    total_executions = gate.total_executions + counted.total,
    successful_executions = gate.successful_executions + counted.good,
    failed_executions = gate.failed_executions + counted.bad,
    consecutive_failures = counted.streak + CASE WHEN counted.recovered THEN 0 ELSE gate.consecutive_failures END
FROM locked JOIN counted USING (trigger_id)
WHERE gate.trigger_id = locked.trigger_id
RETURNING gate.trigger_id, gate.consecutive_failures
