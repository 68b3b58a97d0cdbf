-- E01: Outcome recorded
--
-- Population: runs that a grant was redeemed for in the period, except those that are not due yet within the period and the log.
-- Violation: the run never started; its end was not recorded in time; it failed, and neither an incident nor another run that rolls it back
--   is named.
-- Indeterminate: the outcome is recorded as one that nobody can know.
-- Parameter finish_hours integer = 24: By when the end of a run must be recorded.
WITH rolled_back AS (SELECT rollback_of, count(*) AS runs FROM executions WHERE rollback_of IS NOT NULL GROUP BY rollback_of),
pop AS (
  SELECT r.execution_id, r.event_id, r.redeemed_at, x.execution_id AS known, x.state, x.ended_at, x.incident, x.end_reason, b.runs,
    least($end, l.last_at) AS seen_until, r.redeemed_at + seconds($finish_hours * 3600) AS due_at
  FROM redemptions r
  CROSS JOIN ledger l
  LEFT JOIN executions x ON x.execution_id = r.execution_id
  LEFT JOIN rolled_back b ON b.rollback_of = r.execution_id
  WHERE r.redeemed_at >= $start AND r.redeemed_at < $end),
judged AS (
  SELECT coalesce(execution_id, event_id) AS item_id, event_id, coalesce(ended_at, seen_until) AS as_of,
    CASE
      WHEN known IS NULL THEN 'violation: the run never started'
      WHEN ended_at > due_at OR (ended_at IS NULL AND due_at <= seen_until) THEN 'violation: its end was not recorded in time'
      WHEN ended_at IS NULL THEN 'pending'
      WHEN state = 'failed' AND incident IS NULL AND coalesce(runs, 0) = 0 THEN 'violation: it failed, without incident or rollback'
      WHEN state = 'unknown' THEN 'indeterminate: the outcome cannot be known (' || coalesce(end_reason, 'no reason given') || ')'
      WHEN state IN ('done', 'failed') THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
WHERE verdict <> 'pending'
