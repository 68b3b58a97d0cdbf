-- Attempts to approve one's own request, and other refused verdicts
-- Every verdict that was not accepted, newest first. The code says why: subject_of_request is somebody who is part of the request.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column refused_at timestamp: When it was refused.
-- Column code text: Stable code, for example `subject_of_request`.
-- Column reason text: One sentence.
-- Column principal text: The account that tried.
-- Column person text: The person behind it then; NULL when nobody is known.
-- Column requester text: The account that asked; NULL when the request is not known.
-- Column requester_person text: The person behind that; NULL when nobody is known.
-- Column action text: The verb; NULL when the request is not known.
-- Column risk bigint: Risk points, 0 to 100; NULL when the request is not known.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT f.refused_at, f.code, f.reason, f.principal, f.person, q.requester, q.requester_person, q.action, q.risk, f.request_id
FROM refusals f
LEFT JOIN requests q ON q.request_id = f.request_id
CROSS JOIN period p
WHERE f.what = 'review' AND f.refused_at >= p.starts AND f.refused_at < p.ends
ORDER BY f.refused_at DESC, f.seq DESC
