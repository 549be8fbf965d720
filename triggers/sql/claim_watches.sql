-- Takes sources that nobody holds, or somebody who is not seen any more, at most so many. A row is made where there is none.
WITH made AS (
    INSERT INTO triggers_watch (trigger_id, state, failures, last_error, put_in_error, received)
    SELECT trigger.id, '{}', 0, '', false, 0
    FROM triggers_trigger AS trigger
    WHERE trigger.trigger_type = ANY(%(types)s) AND trigger.status = 'active'
        AND NOT EXISTS (SELECT FROM triggers_watch AS watch WHERE watch.trigger_id = trigger.id)
    ON CONFLICT (trigger_id) DO NOTHING
), free AS (
    SELECT watch.trigger_id
    FROM triggers_watch AS watch
    JOIN triggers_trigger AS trigger ON trigger.id = watch.trigger_id
    WHERE trigger.trigger_type = ANY(%(types)s)
        AND (trigger.status = 'active' OR (trigger.status = 'error' AND watch.put_in_error))
        AND watch.lease IS DISTINCT FROM %(lease)s
        AND NOT EXISTS (
            SELECT FROM triggers_listener AS holder
            WHERE holder.id = watch.lease
                AND holder.seen_at > clock_timestamp() - make_interval(secs => %(patience)s)
        )
    ORDER BY watch.trigger_id
    LIMIT %(places)s
    FOR UPDATE OF watch SKIP LOCKED
)
UPDATE triggers_watch AS watch
SET lease = %(lease)s, taken_at = clock_timestamp(), works_since = NULL
FROM free
WHERE watch.trigger_id = free.trigger_id
RETURNING watch.trigger_id
