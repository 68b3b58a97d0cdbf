-- Who asks the audit data how much, and how often in vain
-- One row per account. Many failed statements are somebody who learns, or somebody who feels for the edges; many rows are a copy of the
-- data on the way out.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column actor text: The account that read.
-- Column statements bigint: Statements in the period.
-- Column refused bigint: Of these, refused.
-- Column failed bigint: Of these, failed.
-- Column rows_read bigint: Rows handed out by all of them.
-- Column most_rows bigint: Rows handed out by the largest.
-- Column longest_ms bigint: Milliseconds of the longest.
-- Column last_error text: Why the newest of those in vain was; NULL when there is none.
-- Column last_at timestamp: When the newest was run.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT q.actor, count(*) AS statements, sum(CASE WHEN q.outcome = 'refused' THEN 1 ELSE 0 END) AS refused,
  sum(CASE WHEN q.outcome = 'failed' THEN 1 ELSE 0 END) AS failed, sum(q.result_rows) AS rows_read, max(q.result_rows) AS most_rows,
  max(q.duration_ms) AS longest_ms, last_value(q.error ORDER BY CASE WHEN q.error IS NULL THEN -1 ELSE q.seq END) AS last_error,
  max(q.run_at) AS last_at
FROM queries q
CROSS JOIN period p
WHERE q.run_at >= p.starts AND q.run_at < p.ends
GROUP BY q.actor
ORDER BY rows_read DESC, q.actor
