-- The busiest approvers, and how long they look
-- One row per natural person, over all their accounts. A person with many approvals, no denial and a few seconds on the screen each
-- may be sealing without reading.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column person text: The person; `unknown: ` and the account when nobody is known behind it.
-- Column verdicts bigint: Verdicts in the period.
-- Column approvals bigint: Of these, approvals.
-- Column denials bigint: Of these, denials.
-- Column share_percent bigint: Share of all approvals of the period, rounded down.
-- Column median_seconds_on_screen bigint: Half of the verdicts took no longer.
-- Column under_five_seconds bigint: Verdicts given in less than five seconds.
-- Column sealed_by_passkey bigint: Verdicts that a passkey signed.
-- Column last_verdict timestamp: When the newest was given.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
given AS (
  SELECT coalesce(reviewer_person, 'unknown: ' || reviewer) AS person, verdict, display_ms, assurance, decided_at,
    sum(CASE WHEN verdict = 'approve' THEN 1 ELSE 0 END) OVER () AS all_approvals
  FROM reviews
  CROSS JOIN period
  WHERE decided_at >= starts AND decided_at < ends)
SELECT person, count(*) AS verdicts,
  sum(CASE WHEN verdict = 'approve' THEN 1 ELSE 0 END) AS approvals,
  sum(CASE WHEN verdict = 'deny' THEN 1 ELSE 0 END) AS denials,
  100 * sum(CASE WHEN verdict = 'approve' THEN 1 ELSE 0 END) / greatest(max(all_approvals), 1) AS share_percent,
  CAST(median(display_ms) AS BIGINT) / 1000 AS median_seconds_on_screen,
  sum(CASE WHEN display_ms < 5000 THEN 1 ELSE 0 END) AS under_five_seconds,
  sum(CASE WHEN assurance = 'passkey' THEN 1 ELSE 0 END) AS sealed_by_passkey,
  max(decided_at) AS last_verdict
FROM given
GROUP BY person
ORDER BY verdicts DESC, person
