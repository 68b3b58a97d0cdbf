-- D14: No request in limbo
--
-- Population: requests submitted in the period, except those whose time, with grace, runs beyond the period or the log and that are
--   undecided: they are pending.
-- Violation: no end was recorded by the time the request expires, with grace; it was decided, or reviewed, after it had expired.
-- Indeterminate: when it expires is not recorded.
-- Parameter grace_seconds integer = 300: How late the end of a request may be recorded.
WITH late AS (
  SELECT q.request_id, count(*) AS reviews
  FROM requests q JOIN reviews v ON v.request_id = q.request_id AND v.decided_at > q.expires_at
  GROUP BY q.request_id),
judged AS (
  SELECT q.request_id AS item_id, q.event_id, coalesce(q.ended_at, least($end, l.last_at)) AS as_of,
    CASE
      WHEN q.expires_at IS NULL THEN 'indeterminate: when it expires is not recorded'
      WHEN q.ended_at IS NULL THEN 'violation: no end was recorded by ' || substr(CAST(q.expires_at AS VARCHAR), 1, 19)
      WHEN q.state IN ('approved', 'denied') AND q.ended_at > q.expires_at THEN 'violation: it was decided after it had expired'
      WHEN r.reviews > 0 THEN 'violation: it was reviewed after it had expired'
      WHEN q.ended_at > q.expires_at + seconds($grace_seconds) THEN 'violation: its end was recorded late'
      WHEN q.ended_at <= q.expires_at + seconds($grace_seconds) THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM requests q
  CROSS JOIN ledger l
  LEFT JOIN late r ON r.request_id = q.request_id
  WHERE q.requested_at >= $start AND q.requested_at < $end
    AND (q.ended_at IS NOT NULL OR q.expires_at IS NULL OR q.expires_at + seconds($grace_seconds) <= least($end, l.last_at)))
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
