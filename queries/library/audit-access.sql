-- Who read the audit data
-- Statements in this console and downloads of packs, newest first. Your own are among them.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column at timestamp: When it was recorded.
-- Column actor text: The account that read.
-- Column what text: `sql` or `pack`.
-- Column outcome text: `ok`, `refused` or `failed`.
-- Column rows bigint: Rows handed out; NULL for packs.
-- Column detail text: The statement, or the run that built the pack.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
acts AS (
  SELECT run_at AS at, actor, 'sql' AS what, outcome, result_rows AS rows, sql AS detail FROM queries
  UNION ALL
  SELECT time AS at, actor_id AS actor, 'pack' AS what, 'ok' AS outcome, NULL AS rows, json_text(entry, 'body', 'report') AS detail
  FROM events WHERE kind = 'evidence.downloaded')
SELECT a.at, a.actor, a.what, a.outcome, a.rows, a.detail
FROM acts a
CROSS JOIN period p
WHERE a.at >= p.starts AND a.at < p.ends
ORDER BY a.at DESC, a.actor, a.detail
