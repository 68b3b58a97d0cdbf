SELECT seq, time AT TIME ZONE 'UTC' AS time, kind, actor_id, request_id, json_extract(decode(entry), '$.body')::VARCHAR AS body
FROM entries
WHERE id = '{event_id}'
