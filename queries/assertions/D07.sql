-- D07: Deny, withdrawal and expiry are final
--
-- Population: requests that were denied, withdrawn or expired in the period.
-- Violation: the request has a grant or a run, was also approved, or an approving review came after its end.
-- Indeterminate: the event names no request.
WITH ends AS (
  SELECT request_id, seq, id, time, kind, row_number() OVER (PARTITION BY request_id ORDER BY seq) AS nth
  FROM events
  WHERE kind IN ('request.denied', 'request.withdrawn', 'request.expired') AND time >= $start AND time < $end),
granted AS (SELECT request_id, count(*) AS grants FROM grants GROUP BY request_id),
ran AS (SELECT request_id, count(*) AS runs FROM executions GROUP BY request_id),
approved AS (SELECT request_id, count(*) AS approvals FROM decisions WHERE decision = 'approved' GROUP BY request_id),
late AS (
  SELECT e.request_id, count(*) AS reviews
  FROM ends e JOIN reviews v ON v.request_id = e.request_id AND v.verdict = 'approve' AND v.seq > e.seq
  WHERE e.nth = 1 GROUP BY e.request_id),
judged AS (
  SELECT coalesce(e.request_id, e.id) AS item_id, e.id AS event_id, e.time AS as_of,
    CASE
      WHEN e.request_id IS NULL THEN 'indeterminate: the event names no request'
      WHEN a.approvals > 0 THEN 'violation: the request was also approved'
      WHEN g.grants > 0 THEN 'violation: a grant was issued for it'
      WHEN x.runs > 0 THEN 'violation: it was run'
      WHEN l.reviews > 0 THEN 'violation: an approving review came after its end'
      ELSE 'ok'
    END AS verdict
  FROM ends e
  LEFT JOIN granted g ON g.request_id = e.request_id
  LEFT JOIN ran x ON x.request_id = e.request_id
  LEFT JOIN approved a ON a.request_id = e.request_id
  LEFT JOIN late l ON l.request_id = e.request_id
  WHERE e.nth = 1 OR e.request_id IS NULL)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
