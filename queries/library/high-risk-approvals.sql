-- Who approved high-risk requests in the last quarter
-- One row per person in a slot of an approval. "Last quarter" is the full quarter before the newest entry of the log; for another period,
-- put two moments such as utc('2026-07-01T00:00:00Z') in their place.
WITH newest AS (SELECT date_trunc('quarter', max(time)) AS quarter FROM events)
SELECT v.decided_at, v.reviewer, v.reviewer_person, v.assurance, v.display_ms / 1000 AS seconds_on_screen, q.action,
  q.resource_type || '/' || q.resource_id AS resource, q.risk, q.requester, q.requirement, q.request_id
FROM reviews v
JOIN requests q ON q.request_id = v.request_id
CROSS JOIN newest n
WHERE v.verdict = 'approve' AND q.tier = 'high' AND q.state = 'approved'
  AND v.decided_at >= n.quarter - INTERVAL '3 months' AND v.decided_at < n.quarter
ORDER BY v.decided_at, v.seq
