-- The dispatched events, with how many executions each made.
-- `|| ''` keeps the planner from walking a partial index over the state, which looks empty in old statistics and may hold
-- all that is new: the rows are found by their ids.
UPDATE triggers_event AS event
SET state = 'matched', executions_count = event.executions_count + made.count
FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS made(id, count)
WHERE event.id = made.id AND event.state || '' = 'new'
