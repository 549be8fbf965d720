-- One look of a listener, once or twice a second: says that it lives, and answers what it needs to know whether anything is
-- to be done: (version of what is to be watched, how much of it, what of it nobody holds, what it holds itself, how many
-- listeners live). Indexes trigger_type_status and watch_lease.
WITH beat AS (
    INSERT INTO triggers_listener (id, name, started_at, seen_at)
    VALUES (%(lease)s, %(name)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
), living AS (
    SELECT id FROM triggers_listener
    WHERE seen_at > clock_timestamp() - make_interval(secs => %(patience)s) OR id = %(lease)s
    UNION SELECT %(lease)s
), wanted AS (
    SELECT trigger.id, trigger.version, trigger.status, watch.lease
    FROM triggers_trigger AS trigger
    LEFT JOIN triggers_watch AS watch ON watch.trigger_id = trigger.id
    WHERE trigger.trigger_type = ANY(%(types)s)
        AND (trigger.status = 'active' OR (trigger.status = 'error' AND watch.put_in_error))
)
SELECT
    COALESCE(sum(hashtextextended(wanted.id::text || wanted.version::text, 0)), 0)::text,
    count(wanted.id),
    count(wanted.id) FILTER (WHERE wanted.lease IS NULL OR wanted.lease NOT IN (SELECT id FROM living)),
    count(wanted.id) FILTER (WHERE wanted.lease = %(lease)s),
    (SELECT count(*) FROM living),
    (SELECT count(*) FROM triggers_watch WHERE lease = %(lease)s)
FROM wanted
