-- D12: Policy in force was applied
--
-- Population: reviews, approvals and denials of the period.
-- Violation: the policy named on the decision is not the one of the request's assessment, or that is not the one in force when the request
--   was submitted; from the second version of a log on: the policy has no change request that was approved before it took force, or nobody
--   but its author approved it.
-- Indeterminate: no policy was in force then; a digest is missing.
WITH acts AS (
  SELECT event_id, decided_at, request_id, policy_digest FROM reviews
  UNION ALL SELECT event_id, decided_at, request_id, policy_digest FROM decisions),
first_policy AS (SELECT min(from_seq) AS seq FROM policies),
change_approved AS (SELECT request_id, min(seq) AS seq FROM decisions WHERE decision = 'approved' GROUP BY request_id),
approvers AS (
  SELECT a.from_seq, count(CASE WHEN p.person <> w.person THEN 1 END) AS others
  FROM (SELECT from_seq, author, unnest(approved_by) AS approver FROM policies) a
  LEFT JOIN persons p ON p.principal = a.approver AND p.from_seq <= a.from_seq AND a.from_seq < p.to_seq
  LEFT JOIN persons w ON w.principal = a.author AND w.from_seq <= a.from_seq AND a.from_seq < w.to_seq
  GROUP BY a.from_seq),
vetted AS (
  SELECT p.digest, p.from_seq, p.to_seq,
    CASE
      WHEN p.from_seq = f.seq THEN 'ok'
      WHEN p.change_request IS NULL THEN 'the policy has no change request'
      WHEN c.seq IS NULL OR c.seq > p.from_seq THEN 'the change request of the policy was not approved before it took force'
      WHEN coalesce(a.others, 0) = 0 THEN 'nobody but its author approved the policy'
      ELSE 'ok'
    END AS vetting
  FROM policies p
  CROSS JOIN first_policy f
  LEFT JOIN change_approved c ON c.request_id = p.change_request
  LEFT JOIN approvers a ON a.from_seq = p.from_seq),
judged AS (
  SELECT a.event_id AS item_id, a.event_id, a.decided_at AS as_of,
    CASE
      WHEN q.request_id IS NULL THEN 'violation: there is no such request'
      WHEN a.policy_digest <> q.policy_digest THEN 'violation: decided under another policy than the request was assessed by'
      WHEN q.policy_digest <> v.digest THEN 'violation: assessed by a policy that was not in force when it was submitted'
      WHEN v.vetting <> 'ok' THEN 'violation: ' || v.vetting
      WHEN v.digest IS NULL THEN 'indeterminate: no policy was in force when it was submitted'
      WHEN a.policy_digest IS NULL OR q.policy_digest IS NULL THEN 'indeterminate: the policy is not recorded'
      WHEN a.policy_digest = q.policy_digest AND q.policy_digest = v.digest AND v.vetting = 'ok' THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM acts a
  LEFT JOIN requests q ON q.request_id = a.request_id
  LEFT JOIN vetted v ON v.from_seq <= q.seq AND q.seq < v.to_seq
  WHERE a.decided_at >= $start AND a.decided_at < $end)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
