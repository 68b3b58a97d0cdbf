-- D01: No self-approval
--
-- Population: approving reviews given in the period.
-- Violation: the reviewer's person is a subject of the request: the requester's, the one it was asked for, a link of the spawn chain, an
--   author; or, by the registry as of the request or the review, the person behind the requester; or a delegate of any of these; or the
--   registry knows another person behind the reviewer than the event says.
-- Indeterminate: nobody is known behind the reviewer, the requester, or a link of the chain.
WITH pop AS (
  SELECT v.event_id, v.seq, v.decided_at, v.reviewer, v.reviewer_person,
    q.request_id AS known, q.seq AS asked_seq, q.requester, q.requester_person, q.on_behalf_of, q.on_behalf_of_person,
    q.subjects, q.chain, q.chain_persons
  FROM reviews v
  LEFT JOIN requests q ON q.request_id = v.request_id
  WHERE v.verdict = 'approve' AND v.decided_at >= $start AND v.decided_at < $end),
who AS (
  SELECT pop.*, a.person AS registry_person, b.person AS requester_then, c.person AS requester_now
  FROM pop
  LEFT JOIN persons a ON a.principal = pop.reviewer AND a.from_seq <= pop.seq AND pop.seq < a.to_seq
  LEFT JOIN persons b ON b.principal = pop.requester AND b.from_seq <= pop.asked_seq AND pop.asked_seq < b.to_seq
  LEFT JOIN persons c ON c.principal = pop.requester AND c.from_seq <= pop.seq AND pop.seq < c.to_seq),
delegated AS (
  SELECT w.event_id, count(*) AS delegations
  FROM who w
  JOIN persons e ON e.person = w.registry_person AND e.from_seq <= w.seq AND w.seq < e.to_seq
  JOIN delegations d ON d.delegate = e.principal AND d.from_seq <= w.seq AND w.seq < d.to_seq
    AND d.valid_from <= w.decided_at AND w.decided_at < d.valid_to
  JOIN persons o ON o.principal = d.delegator AND o.from_seq <= w.seq AND w.seq < o.to_seq
  WHERE array_has(w.subjects, o.person) OR o.person = w.requester_person OR o.person = w.requester_now
  GROUP BY w.event_id),
judged AS (
  SELECT w.event_id AS item_id, w.event_id, w.decided_at AS as_of,
    CASE
      WHEN w.known IS NULL THEN 'violation: there is no such request'
      WHEN w.reviewer_person = w.requester_person THEN 'violation: the reviewer is the person behind the requester'
      WHEN w.reviewer_person = w.on_behalf_of_person THEN 'violation: the reviewer is the person it was asked for'
      WHEN array_has(w.chain_persons, w.reviewer_person) THEN 'violation: the reviewer stands in the spawn chain of the requester'
      WHEN array_has(w.subjects, w.reviewer_person) THEN 'violation: the reviewer is a subject of the request'
      WHEN w.registry_person IN (w.requester_then, w.requester_now, w.requester_person, w.on_behalf_of_person)
        THEN 'violation: by the registry the reviewer is the person behind the requester'
      WHEN array_has(w.subjects, w.registry_person) THEN 'violation: by the registry the reviewer is a subject of the request'
      WHEN d.delegations > 0 THEN 'violation: the reviewer is a delegate of a subject of the request'
      WHEN w.registry_person <> w.reviewer_person THEN 'violation: the registry knows another person behind the reviewer'
      WHEN w.reviewer_person IS NULL OR w.registry_person IS NULL THEN 'indeterminate: nobody is known behind the reviewer'
      WHEN w.requester_person IS NULL OR w.requester_then IS NULL OR w.requester_now IS NULL
        THEN 'indeterminate: nobody is known behind the requester'
      WHEN w.on_behalf_of IS NOT NULL AND w.on_behalf_of_person IS NULL THEN 'indeterminate: nobody is known behind the one it was asked for'
      WHEN w.chain IS NULL OR coalesce(array_length(w.chain), 0) <> coalesce(array_length(w.chain_persons), 0)
        THEN 'indeterminate: nobody is known behind a link of the spawn chain'
      WHEN NOT array_has(w.subjects, w.reviewer_person) AND w.reviewer_person <> w.requester_person THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM who w
  LEFT JOIN delegated d ON d.event_id = w.event_id)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
