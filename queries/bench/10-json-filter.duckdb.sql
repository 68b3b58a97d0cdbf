SELECT actor_id, count(*) AS requests, max(f[2]::BIGINT) AS highest
FROM (
  SELECT actor_id, json_extract_string(decode(entry), ['$.body.parameters.database', '$.body.assessment.risk']) AS f
  FROM entries WHERE kind = 'request.submitted')
WHERE f[1] = 'billing' AND f[2]::BIGINT >= 60
GROUP BY actor_id
