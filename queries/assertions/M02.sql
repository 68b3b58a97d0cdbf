-- M02: Alerts triaged
--
-- Population: alerts of the period; those that nobody judged yet and whose time is not over are pending and left out. Days of the period
--   without a heartbeat, as `day:` and the date.
-- Violation: nobody judged the alert in time; it was judged malicious and the account that it is about was not disabled in time.
-- Indeterminate: a day without a heartbeat: alerts may be missing.
-- Parameter triage_hours_high integer = 24: Longest time to judge an alert of severity high.
-- Parameter triage_hours_other integer = 72: Longest time to judge any other alert.
-- Parameter disable_hours integer = 1: Longest time from a malicious judgement to the disabling of the account.
WITH raised AS (
  SELECT a.*, least($end, l.last_at) AS seen_until,
    a.raised_at + seconds(3600 * CASE WHEN a.severity = 'high' THEN $triage_hours_high ELSE $triage_hours_other END) AS due_at,
    a.triaged_at + seconds(3600 * $disable_hours) AS disable_by
  FROM alerts a
  CROSS JOIN ledger l
  WHERE a.raised_at >= $start AND a.raised_at < $end),
disabled AS (
  SELECT r.alert, count(*) AS stretches
  FROM raised r
  JOIN principals p ON p.principal = r.principal AND NOT p.enabled AND p.valid_from <= r.disable_by AND p.valid_to > r.triaged_at
  GROUP BY r.alert),
silent AS (
  SELECT d.day, d.ends_at, count(h.seq) AS beats
  FROM days d
  CROSS JOIN ledger l
  LEFT JOIN heartbeats h ON h.beat_at >= d.starts_at AND h.beat_at < d.ends_at
  WHERE d.is_over AND d.starts_at >= $start AND d.ends_at <= $end
  GROUP BY d.day, d.ends_at),
judged AS (
  SELECT r.alert AS item_id, r.event_id, coalesce(r.triaged_at, r.seen_until) AS as_of,
    CASE
      WHEN r.triaged_at > r.due_at OR (r.triaged_at IS NULL AND r.due_at <= r.seen_until) THEN 'violation: nobody judged it in time'
      WHEN r.triaged_at IS NULL THEN 'pending'
      WHEN r.disposition = 'malicious' AND r.principal IS NOT NULL AND d.stretches IS NULL AND r.disable_by <= r.seen_until
        THEN 'violation: the account was not disabled in time'
      WHEN r.disposition = 'malicious' AND r.principal IS NOT NULL AND d.stretches IS NULL THEN 'pending'
      WHEN r.disposition IS NULL THEN 'indeterminate: the judgement is not recorded'
      WHEN r.triaged_at <= r.due_at THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM raised r
  LEFT JOIN disabled d ON d.alert = r.alert
  UNION ALL
  SELECT 'day:' || day AS item_id, CAST(NULL AS VARCHAR) AS event_id, ends_at AS as_of,
    'indeterminate: no heartbeat on this day, alerts may be missing' AS verdict
  FROM silent WHERE beats = 0)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
WHERE verdict <> 'pending'
