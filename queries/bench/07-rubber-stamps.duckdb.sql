SELECT reviewer, count(*) AS approvals, count(*) FILTER (time - last_at < 600000000) AS in_haste
FROM (
  SELECT f[1] AS reviewer, epoch_us(time) AS time, lag(epoch_us(time)) OVER (PARTITION BY f[1] ORDER BY seq) AS last_at
  FROM (
    SELECT seq, time, json_extract_string(decode(entry), ['$.body.reviewer.principal', '$.body.verdict']) AS f
    FROM entries WHERE kind = 'review.recorded')
  WHERE f[2] = 'approve')
GROUP BY reviewer
