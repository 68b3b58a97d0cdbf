-- D06: What was approved is what ran
--
-- Population: runs started in the period.
-- Violation: the digests of what was asked, shown to each approving reviewer, approved, redeemed and run are not all one; the verb or the
--   resource of the run is not that of the request.
-- Indeterminate: one of the digests is missing. Without a review (automatic, break-glass) asked, approved and run are compared.
WITH approved AS (
  SELECT request_id, min(action_digest) AS digest, max(action_digest) AS other, min(mechanism) AS mechanism
  FROM decisions WHERE decision = 'approved' GROUP BY request_id),
shown AS (
  SELECT request_id, count(*) AS reviews, count(shown_digest) AS digests, min(shown_digest) AS digest, max(shown_digest) AS other
  FROM reviews WHERE verdict = 'approve' GROUP BY request_id),
redeemed AS (
  SELECT execution_id, min(run_digest) AS digest, max(run_digest) AS other FROM redemptions GROUP BY execution_id),
judged AS (
  SELECT x.execution_id AS item_id, x.event_id, x.started_at AS as_of,
    CASE
      WHEN x.run_digest <> q.action_digest THEN 'violation: what ran is not what was asked'
      WHEN x.run_digest <> a.digest OR x.run_digest <> a.other THEN 'violation: what ran is not what was approved'
      WHEN x.run_digest <> s.digest OR x.run_digest <> s.other THEN 'violation: what ran is not what a reviewer was shown'
      WHEN x.run_digest <> r.digest OR x.run_digest <> r.other THEN 'violation: what ran is not what the grant was redeemed for'
      WHEN x.action <> q.action OR x.resource_type <> q.resource_type OR x.resource_id <> q.resource_id
        THEN 'violation: the verb or the resource of the run is not that of the request'
      WHEN x.run_digest IS NULL THEN 'indeterminate: the digest of what ran is missing'
      WHEN q.action_digest IS NULL THEN 'indeterminate: the digest of what was asked is missing'
      WHEN a.digest IS NULL THEN 'indeterminate: the digest of what was approved is missing'
      WHEN r.digest IS NULL THEN 'indeterminate: the digest that the grant was redeemed for is missing'
      WHEN a.mechanism = 'quorum' AND (s.reviews IS NULL OR s.digests < s.reviews) THEN 'indeterminate: the digest of what was shown is missing'
      WHEN x.run_digest = q.action_digest AND x.run_digest = a.digest AND x.run_digest = r.digest AND x.action = q.action THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM executions x
  LEFT JOIN requests q ON q.request_id = x.request_id
  LEFT JOIN approved a ON a.request_id = x.request_id
  LEFT JOIN shown s ON s.request_id = x.request_id
  LEFT JOIN redeemed r ON r.execution_id = x.execution_id
  WHERE x.started_at >= $start AND x.started_at < $end)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
