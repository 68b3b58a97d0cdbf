-- Approvals by one reviewer within ten minutes of their last one
SELECT reviewer, count(*) AS approvals, count(CASE WHEN decided_at - last_at < INTERVAL '10' MINUTE THEN 1 END) AS in_haste
FROM (
  SELECT reviewer, decided_at, lag(decided_at) OVER (PARTITION BY reviewer ORDER BY seq) AS last_at
  FROM reviews
  WHERE verdict = 'approve')
GROUP BY reviewer
