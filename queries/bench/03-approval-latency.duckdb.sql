WITH asked AS (
  SELECT request_id, time, json_extract_string(decode(entry), '$.body.assessment.tier') AS tier
  FROM entries WHERE kind = 'request.submitted'),
ended AS (
  SELECT request_id, kind, time, json_extract_string(decode(entry), '$.body.mechanism') AS mechanism
  FROM entries WHERE kind = 'request.approved'),
took AS (
  SELECT tier, (epoch_us(e.time) - epoch_us(a.time)) / 1000000 AS seconds
  FROM asked a JOIN ended e USING (request_id) WHERE e.mechanism = 'quorum')
SELECT tier, approved, q[1] AS p50, q[2] AS p90, q[3] AS p99
FROM (SELECT tier, count(*) AS approved, quantile_cont(seconds, [0.5, 0.9, 0.99]) AS q FROM took GROUP BY tier)
