-- Everything about one request
SELECT seq, time, kind, actor_id, body
FROM events
WHERE request_id = '{request_id}'
ORDER BY seq
