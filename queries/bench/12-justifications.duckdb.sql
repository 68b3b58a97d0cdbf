SELECT f[1] AS requester, count(*) AS requests, min(time) AT TIME ZONE 'UTC' AS first_at, max(time) AT TIME ZONE 'UTC' AS last_at
FROM (
  SELECT time, json_extract_string(decode(entry), ['$.body.requester.principal', '$.body.justification']) AS f
  FROM entries WHERE kind = 'request.submitted')
WHERE f[2] ILIKE '%backed up%release notes%'
GROUP BY requester
