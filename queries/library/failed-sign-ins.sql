-- Failed sign-ins by account
-- Refused sign-ins per account and way, most first. Many on one account are guesses; one each on many accounts is a list of names that
-- somebody tries.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter at_least integer = 1: Leaves out what failed fewer times.
--
-- Column principal text: The account that was claimed; NULL when not known.
-- Column reason text: Why it was refused.
-- Column failed bigint: How often.
-- Column first_at timestamp: When first.
-- Column last_at timestamp: When last.
-- Column signed_in_later boolean: Whether the account signed in after the last failure.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
failed AS (
  SELECT f.principal, f.reason, count(*) AS failed, min(f.refused_at) AS first_at, max(f.refused_at) AS last_at, max(f.seq) AS last_seq
  FROM refusals f
  CROSS JOIN period p
  WHERE f.what = 'session' AND f.refused_at >= p.starts AND f.refused_at < p.ends
  GROUP BY f.principal, f.reason
  HAVING count(*) >= $at_least),
signed_in AS (
  SELECT principal, max(from_seq) AS last_seq FROM sessions GROUP BY principal)
SELECT f.principal, f.reason, f.failed, f.first_at, f.last_at, coalesce(s.last_seq > f.last_seq, false) AS signed_in_later
FROM failed f
LEFT JOIN signed_in s ON s.principal = f.principal
ORDER BY f.failed DESC, f.last_at DESC, f.principal, f.reason
