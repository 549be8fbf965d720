-- Takes the contents out of events, their executions and steps; rows, traces and errors stay, and say after how many days it was.
WITH steps AS (
    UPDATE executions_step SET request = '{}', response = NULL, sealed = '', earlier = '[]'
    WHERE execution_id = ANY(%(executions)s::uuid[])
), judgements AS (
    UPDATE executions_judgement SET asked = '[]' WHERE execution_id = ANY(%(executions)s::uuid[])
), executions AS (
    UPDATE executions_execution SET inputs = '{}', output = NULL, bodies_kept_days = %(days)s,
        at_failure = at_failure #- '{event,payload}'
    WHERE id = ANY(%(executions)s::uuid[])
)
UPDATE triggers_event SET payload = '{}', bodies_kept_days = %(days)s WHERE id = ANY(%(events)s::uuid[])
