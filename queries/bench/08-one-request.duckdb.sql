SELECT seq, time AT TIME ZONE 'UTC' AS time, kind, actor_id, json_extract(decode(entry), '$.body')::VARCHAR AS body
FROM entries
WHERE request_id = '{request_id}'
ORDER BY seq
