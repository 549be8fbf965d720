-- Events with their executions and steps. Rows are found by their ids, whatever the statistics say.
WITH steps AS (
    DELETE FROM executions_step WHERE execution_id = ANY(%(executions)s::uuid[])
), judgements AS (
    DELETE FROM executions_judgement WHERE execution_id = ANY(%(executions)s::uuid[])
), executions AS (
    DELETE FROM executions_execution WHERE id = ANY(%(executions)s::uuid[])
)
DELETE FROM triggers_event WHERE id = ANY(%(events)s::uuid[])
