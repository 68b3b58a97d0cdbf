-- Attempts to approve one's own request, and other refused verdicts
-- Every verdict that was not accepted, newest first. The code says why: subject_of_request is somebody who is part of the request.
SELECT f.refused_at, f.code, f.reason, f.principal, f.person, q.requester, q.requester_person, q.action, q.risk, f.request_id
FROM refusals f
LEFT JOIN requests q ON q.request_id = f.request_id
WHERE f.what = 'review'
ORDER BY f.refused_at DESC, f.seq DESC
