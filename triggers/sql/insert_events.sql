-- Events as they are recorded, in their order; a dedupe key that is known already leaves the first event alone.
-- One parameter for the batch: the ORM takes longer to compile the rows than PostgreSQL to store them.
INSERT INTO triggers_event (
    id, workspace_id, type, topic, source, subject, dedupe_key, payload, actor, verified, occurred_at, recorded_at,
    root_id, parent_execution_id, depth, chain, correlation_id, state, executions_count,
    repeat_of, attempts, error
)
SELECT
    id, workspace_id, type, topic, source, subject, dedupe_key, payload, actor, verified, occurred_at,
    COALESCE(recorded_at, now()), root_id, parent_execution_id, depth, chain, correlation_id, state, executions_count,
    repeat_of, 0, ''
FROM jsonb_to_recordset(%(events)s::jsonb) AS told(
    id uuid, workspace_id uuid, type text, topic text, source text, subject text, dedupe_key text, payload jsonb,
    actor text, verified boolean, occurred_at timestamptz, recorded_at timestamptz, root_id uuid,
    parent_execution_id uuid, depth int, chain jsonb, correlation_id text, state text, executions_count int,
    repeat_of uuid
)
ON CONFLICT (workspace_id, source, dedupe_key) WHERE NOT (dedupe_key = '') DO NOTHING
RETURNING id
