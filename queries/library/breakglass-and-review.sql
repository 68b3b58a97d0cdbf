-- Break-glass, and whether somebody looked at it afterwards
-- One row per emergency, newest first, with who was told, who judged it and in which time. What nobody judged by its due date is overdue.
WITH newest AS (SELECT max(time) AS moment FROM events)
SELECT b.invoked_at, b.invoker, b.invoker_person, q.action, q.resource_type || '/' || q.resource_id AS resource, b.reason, b.notified_at,
  b.review_due_at, b.reviewed_at, b.reviewer, b.outcome,
  CASE
    WHEN b.reviewed_at <= b.review_due_at THEN 'judged in time'
    WHEN b.reviewed_at IS NOT NULL THEN 'judged late'
    WHEN b.review_due_at < n.moment THEN 'overdue'
    ELSE 'due'
  END AS review,
  b.request_id
FROM breakglass b
LEFT JOIN requests q ON q.request_id = b.request_id
CROSS JOIN newest n
ORDER BY b.invoked_at DESC
