-- D02: Approved before executed
--
-- Population: runs of gated actions started in the period, and runs that name no known request. Runs under break-glass belong to D16.
-- Violation: the run names no request, or an unknown one; its request was not approved by people before it started; no approving review
--   stands before it; there is no grant for it.
-- Indeterminate: whether the request was gated is not known; the policy in force cannot be retrieved.
WITH approvals AS (
  SELECT request_id, min(CASE WHEN mechanism = 'quorum' THEN seq END) AS quorum_seq,
    min(CASE WHEN mechanism = 'breakglass' THEN seq END) AS breakglass_seq
  FROM decisions WHERE decision = 'approved' GROUP BY request_id),
kept AS (
  SELECT digest, bool_and(coalesce(blob_kept(file), false)) AS kept
  FROM (SELECT digest, unnest(file_digests) AS file FROM policies) GROUP BY digest),
published AS (SELECT p.digest, coalesce(k.kept, true) AS kept FROM (SELECT DISTINCT digest FROM policies) p LEFT JOIN kept k ON k.digest = p.digest),
verdicts AS (SELECT request_id, min(seq) AS first_seq FROM reviews WHERE verdict = 'approve' GROUP BY request_id),
pop AS (
  SELECT x.execution_id, x.event_id, x.seq, x.started_at, x.request_id, x.grant_id, x.policy_digest,
    q.request_id AS known, q.human_required, a.quorum_seq, a.breakglass_seq
  FROM executions x
  LEFT JOIN requests q ON q.request_id = x.request_id
  LEFT JOIN approvals a ON a.request_id = x.request_id
  WHERE x.started_at >= $start AND x.started_at < $end
    AND (q.human_required IS DISTINCT FROM false)
    AND NOT coalesce(a.breakglass_seq < x.seq, false)),
judged AS (
  SELECT p.execution_id AS item_id, p.event_id, p.started_at AS as_of,
    CASE
      WHEN p.request_id IS NULL THEN 'violation: the run names no request'
      WHEN p.known IS NULL THEN 'violation: there is no such request'
      WHEN p.human_required IS NULL THEN 'indeterminate: whether a person had to decide is not recorded'
      WHEN p.quorum_seq IS NULL THEN 'violation: people never approved the request'
      WHEN p.quorum_seq > p.seq THEN 'violation: it started before people approved the request'
      WHEN v.first_seq IS NULL OR v.first_seq > p.seq THEN 'violation: no approving review stands before it'
      WHEN g.grant_id IS NULL THEN 'violation: the request has no such grant'
      WHEN o.digest IS NULL THEN 'indeterminate: the policy in force was never published here'
      WHEN NOT o.kept THEN 'indeterminate: a file of the policy in force is not kept'
      WHEN p.quorum_seq < p.seq AND v.first_seq < p.seq AND o.kept THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop p
  LEFT JOIN grants g ON g.grant_id = p.grant_id AND g.request_id = p.request_id
  LEFT JOIN verdicts v ON v.request_id = p.request_id
  LEFT JOIN published o ON o.digest = p.policy_digest)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
