-- D16: Break-glass controlled
--
-- Population: emergencies of the period. Those that violate nothing yet and whose judgement or notification falls due beyond the period or
--   the log are pending and left out.
-- Violation: no reason; the grant lives too long; nobody but the invoker was told in time; not judged in time by a person outside: neither a
--   subject of the request nor invoker, executor or approver.
-- Indeterminate: a person is not known, or a moment is not recorded.
-- Parameter max_grant_seconds integer = 3600: Longest life of an emergency grant.
-- Parameter notify_seconds integer = 900: By when others must be told.
-- Parameter review_business_days integer = 2: By when it must be judged, if the event does not say an earlier moment.
WITH pop AS (
  SELECT b.*, g.grant_id AS known, g.not_before, g.expires_at AS grant_ends, q.subjects,
    least($end, l.last_at) AS seen_until,
    least(b.review_due_at, business_days_after(b.invoked_at, $review_business_days)) AS due_at,
    b.invoked_at + seconds($notify_seconds) AS tell_by
  FROM breakglass b
  CROSS JOIN ledger l
  LEFT JOIN grants g ON g.grant_id = b.grant_id
  LEFT JOIN requests q ON q.request_id = b.request_id
  WHERE b.invoked_at >= $start AND b.invoked_at < $end),
ran AS (
  SELECT p.grant_id, count(*) AS runs, count(x.executor_person) AS known, count(CASE WHEN x.executor_person = p.reviewer_person THEN 1 END) AS inside
  FROM pop p JOIN executions x ON x.grant_id = p.grant_id GROUP BY p.grant_id),
approved AS (
  SELECT p.grant_id, count(CASE WHEN array_has(d.slot_persons, p.reviewer_person) THEN 1 END) AS inside
  FROM pop p JOIN decisions d ON d.request_id = p.request_id AND d.decision = 'approved' GROUP BY p.grant_id),
judged AS (
  SELECT p.grant_id AS item_id, p.event_id, coalesce(p.reviewed_at, p.seen_until) AS as_of,
    CASE
      WHEN p.known IS NULL THEN 'violation: there is no such grant'
      WHEN p.reason_chars = 0 THEN 'violation: no reason was given'
      WHEN p.grant_ends > p.not_before + seconds($max_grant_seconds) THEN 'violation: the grant lives too long'
      WHEN p.notified_at > p.tell_by OR (p.notified_at IS NULL AND p.tell_by <= p.seen_until) THEN 'violation: nobody else was told in time'
      WHEN p.reviewed_at > p.due_at OR (p.reviewed_at IS NULL AND p.due_at <= p.seen_until) THEN 'violation: it was not judged in time'
      WHEN p.reviewed_at IS NOT NULL AND p.outcome IS NULL THEN 'violation: the judgement has no outcome'
      WHEN p.reviewer_person = p.invoker_person OR array_has(p.subjects, p.reviewer_person) OR r.inside > 0 OR a.inside > 0
        THEN 'violation: it was judged by someone who was part of it'
      WHEN p.reviewed_at IS NULL OR p.notified_at IS NULL THEN 'pending'
      WHEN p.reason_chars IS NULL THEN 'indeterminate: the reason is not recorded'
      WHEN p.reviewer_person IS NULL OR p.invoker_person IS NULL OR r.known < r.runs THEN 'indeterminate: a person is not known'
      WHEN p.subjects IS NULL OR p.not_before IS NULL OR p.grant_ends IS NULL OR p.due_at IS NULL THEN 'indeterminate: a value is missing'
      WHEN p.notified_at <= p.tell_by AND p.reviewed_at <= p.due_at THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop p
  LEFT JOIN ran r ON r.grant_id = p.grant_id
  LEFT JOIN approved a ON a.grant_id = p.grant_id)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
WHERE verdict <> 'pending'
