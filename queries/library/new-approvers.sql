-- Approvals by people whose role began shortly before
-- A role given in the morning, and the first approval with it at noon: joiners do that, and so does whoever lends a role for one
-- approval. One row per approval and new role that could fill a slot of the requirement, newest first.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter days integer = 7: A role held for less than this many days is new.
--
-- Column decided_at timestamp: When it was approved.
-- Column reviewer text: The account that approved.
-- Column reviewer_person text: The person behind it then; NULL when nobody is known.
-- Column role text: The new role or group.
-- Column role_since timestamp: From when it was held.
-- Column hours_held bigint: Whole hours from then to the approval.
-- Column assigned_by text: Who gave it.
-- Column change_request text: The approved request behind the role; NULL without one.
-- Column action text: The verb.
-- Column risk bigint: Risk points, 0 to 100.
-- Column requester text: The account that asked.
-- Column requirement text: Who had to seal it.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT v.decided_at, v.reviewer, v.reviewer_person, r.role, r.valid_from AS role_since,
  CAST(date_part('epoch', v.decided_at) - date_part('epoch', r.valid_from) AS BIGINT) / 3600 AS hours_held, r.assigned_by,
  r.change_request, q.action, q.risk, q.requester, coalesce(q.escalated_requirement, q.requirement) AS requirement, v.request_id
FROM reviews v
JOIN requests q ON q.request_id = v.request_id
JOIN roles r ON r.principal = v.reviewer AND r.from_seq < v.seq AND v.seq < r.to_seq
CROSS JOIN period p
WHERE v.verdict = 'approve' AND v.decided_at >= p.starts AND v.decided_at < p.ends
  AND v.decided_at < r.valid_from + seconds($days * 86400)
  AND requirement_names(coalesce(q.escalated_requirement, q.requirement), v.reviewer, json_list('["' || r.role || '"]'))
ORDER BY v.decided_at DESC, v.seq DESC, r.role
