-- The dispatched events, with how many executions each made.
UPDATE triggers_event AS event
SET state = 'matched', executions_count = event.executions_count + made.count
FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS made(id, count)
WHERE event.id = made.id AND event.state = 'new'
