-- Who approves within seconds
-- One row per natural person, over all their accounts. Nobody reads a schema change in five seconds: many quick approvals, above all of
-- high risk, are seals without reading. The time counts from the moment at which the request was shown.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter seconds integer = 10: An approval given in less than this many seconds is quick.
-- Parameter at_least integer = 1: Leaves out people with fewer quick approvals.
--
-- Column person text: The person; `unknown: ` and the account when nobody is known behind it.
-- Column approvals bigint: Their approvals in the period.
-- Column quick bigint: Those given quickly.
-- Column quick_percent bigint: Share of the quick ones, rounded down.
-- Column quick_high_risk bigint: Quick ones on requests of the tier `high`.
-- Column median_seconds bigint: Half of their approvals took no longer.
-- Column fastest_ms bigint: The fastest, in milliseconds.
-- Column last_quick timestamp: When the newest quick one was given.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT coalesce(v.reviewer_person, 'unknown: ' || v.reviewer) AS person, count(*) AS approvals,
  sum(CASE WHEN v.display_ms < $seconds * 1000 THEN 1 ELSE 0 END) AS quick,
  100 * sum(CASE WHEN v.display_ms < $seconds * 1000 THEN 1 ELSE 0 END) / count(*) AS quick_percent,
  sum(CASE WHEN v.display_ms < $seconds * 1000 AND q.tier = 'high' THEN 1 ELSE 0 END) AS quick_high_risk,
  CAST(median(v.display_ms) AS BIGINT) / 1000 AS median_seconds, min(v.display_ms) AS fastest_ms,
  max(CASE WHEN v.display_ms < $seconds * 1000 THEN v.decided_at END) AS last_quick
FROM reviews v
JOIN requests q ON q.request_id = v.request_id
CROSS JOIN period p
WHERE v.verdict = 'approve' AND v.decided_at >= p.starts AND v.decided_at < p.ends
GROUP BY coalesce(v.reviewer_person, 'unknown: ' || v.reviewer)
HAVING sum(CASE WHEN v.display_ms < $seconds * 1000 THEN 1 ELSE 0 END) >= $at_least
ORDER BY quick DESC, person
