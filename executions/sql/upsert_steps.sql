-- The steps that runs kept for their end. A step that an earlier pass has begun is there already: this pass ended it.
-- One parameter for the batch: the ORM takes longer to compile the columns than PostgreSQL to store them.
INSERT INTO executions_step (
    id, execution_id, number, kind, effect, idempotency_key, state, request, response, sealed, error_message, usage, decision, attempt,
    earlier, started_at, finished_at
)
SELECT
    id, execution_id, number, kind, effect, idempotency_key, state, request, response, sealed, error_message, usage, decision, attempt,
    earlier, started_at, finished_at
FROM jsonb_to_recordset(%(steps)s::jsonb) AS step(
    id uuid, execution_id uuid, number int, kind text, effect text, idempotency_key text, state text, request jsonb,
    response jsonb, sealed text, error_message text, usage jsonb, decision jsonb, attempt int, earlier jsonb,
    started_at timestamptz, finished_at timestamptz
)
ON CONFLICT (execution_id, number) DO UPDATE SET
    state = EXCLUDED.state,
    request = EXCLUDED.request,
    response = EXCLUDED.response,
    sealed = EXCLUDED.sealed,
    error_message = EXCLUDED.error_message,
    usage = EXCLUDED.usage,
    decision = EXCLUDED.decision,
    attempt = EXCLUDED.attempt,
    earlier = EXCLUDED.earlier,
    started_at = EXCLUDED.started_at,
    finished_at = EXCLUDED.finished_at
