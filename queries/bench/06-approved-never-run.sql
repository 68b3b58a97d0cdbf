-- Approved, and never run
SELECT d.request_id, d.decided_at, d.mechanism
FROM decisions d
WHERE d.decision = 'approved' AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.request_id = d.request_id)
