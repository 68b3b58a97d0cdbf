-- M03: Exceptions answered
--
-- Population: exceptions raised in the period, and older ones that were not closed when it began. Those that nobody answered yet and whose
--   time is not over are pending and left out.
-- Violation: nobody answered in time; it is open and its date is over; it was closed without a passing run of the same control test that
--   was recorded after the exception; a person it is about gave the answer or owns it.
-- Indeterminate: the persons it is about are not recorded, or nobody knows who answered; it is open without a date.
-- Parameter answer_business_days integer = 10: Longest time to an answer.
WITH pop AS (
  SELECT x.*, least($end, l.last_at) AS seen_until, business_days_after(x.raised_at, $answer_business_days) AS answer_by
  FROM exceptions x
  CROSS JOIN ledger l
  WHERE x.raised_at < $end AND (x.raised_at >= $start OR x.status <> 'closed' OR x.answered_at >= $start)),
answering AS (
  SELECT p.exception, a.person AS answered_by_person, o.person AS owner_person, t.assertion AS retested, t.state AS retest_state,
    t.evaluated_at AS retested_at
  FROM pop p
  LEFT JOIN persons a ON a.principal = p.answered_by AND a.valid_from <= p.answered_at AND p.answered_at < a.valid_to
  LEFT JOIN persons o ON o.principal = p.owner AND o.valid_from <= p.answered_at AND p.answered_at < o.valid_to
  LEFT JOIN evaluations t ON t.event_id = p.retest),
judged AS (
  SELECT p.exception AS item_id, p.event_id, coalesce(p.answered_at, p.seen_until) AS as_of,
    CASE
      WHEN p.first_answered_at > p.answer_by OR (p.first_answered_at IS NULL AND p.answer_by <= p.seen_until)
        THEN 'violation: nobody answered in time'
      WHEN p.first_answered_at IS NULL THEN 'pending'
      WHEN p.status <> 'closed' AND p.due_at <= p.seen_until THEN 'violation: it is open and its date is over'
      WHEN p.status = 'closed' AND p.retest IS NULL THEN 'violation: it was closed without a retest'
      WHEN p.status = 'closed' AND (a.retested IS NULL OR a.retested <> p.assertion OR a.retest_state <> 'pass' OR a.retested_at < p.raised_at)
        THEN 'violation: the retest is no passing run of the same control test'
      WHEN array_has(p.persons, a.answered_by_person) OR array_has(p.persons, a.owner_person)
        THEN 'violation: it was answered by a person it is about'
      WHEN p.persons IS NULL THEN 'indeterminate: the persons it is about are not recorded'
      WHEN a.answered_by_person IS NULL OR a.owner_person IS NULL THEN 'indeterminate: nobody knows who answered'
      WHEN p.status = 'open' AND p.due_at IS NULL THEN 'indeterminate: it is open without a date'
      WHEN p.status = 'open' AND p.due_at > p.seen_until THEN 'ok'
      WHEN p.status = 'closed' AND a.retested = p.assertion AND a.retest_state = 'pass' AND a.retested_at >= p.raised_at THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop p
  LEFT JOIN answering a ON a.exception = p.exception)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
WHERE verdict <> 'pending'
