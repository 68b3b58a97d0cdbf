-- D04: Approver was entitled
--
-- Population: reviews given in the period, approving and denying ones.
-- Violation: neither a role in force nor a role of the delegation used fits the requirement; the event records a role that was not in
--   force; the reviewer was disabled.
-- Indeterminate: the reviewer's role history begins later; the reviewer is not in the registry; the requirement is not known.
WITH pop AS (
  SELECT v.event_id, v.seq, v.decided_at, v.reviewer, v.roles AS recorded, v.delegation, q.request_id AS known,
    CASE WHEN q.escalated_seq < v.seq THEN q.escalated_requirement ELSE q.requirement END AS requirement
  FROM reviews v
  LEFT JOIN requests q ON q.request_id = v.request_id
  WHERE v.decided_at >= $start AND v.decided_at < $end),
held AS (
  SELECT pop.event_id, array_agg(r.role) AS roles
  FROM pop
  JOIN roles r ON r.principal = pop.reviewer AND r.from_seq <= pop.seq AND pop.seq < r.to_seq
    AND r.valid_from <= pop.decided_at AND pop.decided_at < r.declared_to
  GROUP BY pop.event_id),
lent AS (
  SELECT pop.event_id, bool_or(coalesce(requirement_names(pop.requirement, d.delegator, d.roles), false)) AS fits
  FROM pop
  JOIN delegations d ON d.delegation = pop.delegation AND d.delegate = pop.reviewer AND d.from_seq <= pop.seq AND pop.seq < d.to_seq
    AND d.valid_from <= pop.decided_at AND pop.decided_at < d.valid_to
  GROUP BY pop.event_id),
history AS (SELECT principal, min(from_seq) AS first_seq FROM roles GROUP BY principal),
joined AS (
  SELECT pop.*, coalesce(h.roles, json_list('[]')) AS roles, coalesce(l.fits, false) AS lent, y.first_seq, p.principal AS registered, p.enabled
  FROM pop
  LEFT JOIN held h ON h.event_id = pop.event_id
  LEFT JOIN lent l ON l.event_id = pop.event_id
  LEFT JOIN history y ON y.principal = pop.reviewer
  LEFT JOIN principals p ON p.principal = pop.reviewer AND p.from_seq <= pop.seq AND pop.seq < p.to_seq),
judged AS (
  SELECT event_id AS item_id, event_id, decided_at AS as_of,
    CASE
      WHEN known IS NULL THEN 'violation: there is no such request'
      WHEN NOT enabled THEN 'violation: the reviewer was disabled'
      WHEN requirement IS NULL THEN 'indeterminate: what was required is not recorded'
      WHEN NOT requirement_names(requirement, reviewer, roles) AND NOT lent AND first_seq > seq
        THEN 'indeterminate: the role history of the reviewer begins later'
      WHEN NOT requirement_names(requirement, reviewer, roles) AND NOT lent THEN 'violation: no role in force fits ' || requirement
      WHEN NOT array_has_all(roles, recorded) THEN 'violation: the event records a role that was not in force'
      WHEN registered IS NULL THEN 'indeterminate: the reviewer is not in the registry'
      WHEN enabled AND (requirement_names(requirement, reviewer, roles) OR lent) AND array_has_all(roles, recorded) THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM joined)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
