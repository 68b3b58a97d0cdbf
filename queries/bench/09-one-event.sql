-- One event
SELECT seq, time, kind, actor_id, request_id, body
FROM events
WHERE id = '{event_id}'
