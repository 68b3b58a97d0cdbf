-- D18: Delegation valid
--
-- Population: reviews of the period that were made under a delegation.
-- Violation: the delegation did not hold at that moment, or was made to another account; it was passed on too often; it gives a role that
--   the delegator did not hold; delegate or delegator is a subject of the request; it was not approved itself.
-- Indeterminate: the delegation was never recorded; nobody knows the person behind delegate or delegator, or the subjects.
-- Parameter max_depth integer = 1: How often a delegation may be passed on; 1 for not at all.
WITH made AS (
  SELECT r.event_id, r.seq, r.decided_at, r.request_id, r.reviewer, r.delegation,
    d.delegation AS known, d.delegator, d.delegate, d.roles, d.depth, d.change_request, d.from_seq, d.to_seq, d.valid_from, d.valid_to
  FROM reviews r
  LEFT JOIN delegations d ON d.delegation = r.delegation
  WHERE r.delegation IS NOT NULL AND r.decided_at >= $start AND r.decided_at < $end),
given AS (SELECT event_id, decided_at, delegator, unnest(roles) AS role FROM made),
held AS (
  SELECT event_id, count(*) AS given, count(CASE WHEN in_force > 0 THEN 1 END) AS held
  FROM (
    SELECT g.event_id, g.role, count(h.principal) AS in_force
    FROM given g
    LEFT JOIN roles h ON h.principal = g.delegator AND h.role = g.role AND h.valid_from <= g.decided_at AND g.decided_at < h.valid_to
    GROUP BY g.event_id, g.role)
  GROUP BY event_id),
approved AS (SELECT request_id, min(seq) AS seq FROM decisions WHERE decision = 'approved' GROUP BY request_id),
judged AS (
  SELECT m.event_id AS item_id, m.event_id, m.decided_at AS as_of,
    CASE
      WHEN m.known IS NULL THEN 'indeterminate: the delegation was never recorded'
      WHEN m.seq <= m.from_seq OR m.seq >= m.to_seq OR m.decided_at < m.valid_from OR m.decided_at >= m.valid_to
        THEN 'violation: the delegation did not hold then'
      WHEN m.delegate <> m.reviewer THEN 'violation: the delegation was made to another account'
      WHEN m.depth > $max_depth THEN 'violation: the delegation was passed on too often'
      WHEN h.held < h.given THEN 'violation: it gives a role that the delegator did not hold'
      WHEN array_has(q.subjects, a.person) OR array_has(q.subjects, b.person) THEN 'violation: a subject of the request is part of the delegation'
      WHEN m.change_request IS NULL THEN 'violation: the delegation was not approved'
      WHEN c.seq IS NULL OR c.seq > m.from_seq THEN 'violation: the delegation was not approved before it was made'
      WHEN a.person IS NULL OR b.person IS NULL THEN 'indeterminate: a person is not known'
      WHEN q.subjects IS NULL THEN 'indeterminate: the subjects of the request are not recorded'
      WHEN m.depth <= $max_depth AND h.held = h.given AND m.delegate = m.reviewer AND c.seq < m.from_seq THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM made m
  LEFT JOIN held h ON h.event_id = m.event_id
  LEFT JOIN requests q ON q.request_id = m.request_id
  LEFT JOIN approved c ON c.request_id = m.change_request
  LEFT JOIN persons a ON a.principal = m.delegate AND a.from_seq <= m.seq AND m.seq < a.to_seq
  LEFT JOIN persons b ON b.principal = m.delegator AND b.from_seq <= m.seq AND m.seq < b.to_seq)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
