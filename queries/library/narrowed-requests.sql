-- Who narrowed what
-- Requests that a reviewer put in the place of a wider one, newest first. The parameters show what was taken away; the wider one counts
-- as withdrawn.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column narrowed_at timestamp: When it was narrowed.
-- Column narrowed_by text: The reviewer who narrowed it.
-- Column requester text: The account that had asked.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column before_parameters text: Parameters of the wider request, as JSON; NULL when that is not known.
-- Column parameters text: Parameters of the narrower one, as JSON.
-- Column before_risk bigint: Risk points of the wider one; NULL when that is not known.
-- Column risk bigint: Risk points of the narrower one.
-- Column state text: How the narrower one stands.
-- Column before_request text: The wider request.
-- Column request_id text: The narrower request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT q.requested_at AS narrowed_at, q.narrowed_by, q.requester, q.action, q.resource_type || '/' || q.resource_id AS resource,
  b.parameters AS before_parameters, q.parameters, b.risk AS before_risk, q.risk, q.state, q.previous_request AS before_request, q.request_id
FROM requests q
LEFT JOIN requests b ON b.request_id = q.previous_request
CROSS JOIN period p
WHERE q.narrowed_by IS NOT NULL AND q.requested_at >= p.starts AND q.requested_at < p.ends
ORDER BY q.requested_at DESC, q.seq DESC
