SELECT d.request_id, d.time AT TIME ZONE 'UTC' AS decided_at, json_extract_string(decode(d.entry), '$.body.mechanism') AS mechanism
FROM entries d
ANTI JOIN (SELECT request_id FROM entries WHERE kind = 'execution.started') e ON e.request_id = d.request_id
WHERE d.kind = 'request.approved'
