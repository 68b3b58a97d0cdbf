-- How long approvals by people take, by risk
SELECT tier, count(*) AS approved, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS p90, percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
FROM (
  SELECT tier, date_part('epoch', ended_at) - date_part('epoch', requested_at) AS seconds
  FROM requests
  WHERE state = 'approved' AND mechanism = 'quorum')
GROUP BY tier
