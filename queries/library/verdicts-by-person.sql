-- Verdicts per person, and how long they looked
-- One row per natural person, over all their accounts. A person with many approvals, no denial and a few seconds on the screen each
-- may be sealing without reading.
SELECT coalesce(reviewer_person, 'unknown: ' || reviewer) AS person,
  count(*) AS verdicts,
  sum(CASE WHEN verdict = 'approve' THEN 1 ELSE 0 END) AS approvals,
  sum(CASE WHEN verdict = 'deny' THEN 1 ELSE 0 END) AS denials,
  median(display_ms) / 1000 AS median_seconds_on_screen,
  sum(CASE WHEN display_ms < 5000 THEN 1 ELSE 0 END) AS under_five_seconds,
  sum(CASE WHEN assurance = 'passkey' THEN 1 ELSE 0 END) AS sealed_by_passkey,
  max(decided_at) AS last_verdict
FROM reviews
GROUP BY coalesce(reviewer_person, 'unknown: ' || reviewer)
ORDER BY verdicts DESC, person
