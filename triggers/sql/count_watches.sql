-- How many sources are to be watched, how many of them work, how many fail, how many have a
-- note, and since when no listener was seen (seconds).
SELECT
    count(*),
    count(*) FILTER (WHERE watch.works_since IS NOT NULL),
    count(*) FILTER (WHERE watch.failures > 0),
    count(*) FILTER (WHERE watch.works_since IS NOT NULL AND watch.note <> ''),
    (SELECT EXTRACT(EPOCH FROM clock_timestamp() - max(seen_at))::float FROM triggers_listener)
FROM triggers_trigger AS trigger
LEFT JOIN triggers_watch AS watch ON watch.trigger_id = trigger.id
WHERE trigger.trigger_type = ANY(%(types)s)
    AND (trigger.status = 'active' OR (trigger.status = 'error' AND watch.put_in_error))
