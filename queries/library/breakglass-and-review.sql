-- Break-glass, and whether somebody looked at it afterwards
-- One row per emergency, newest first, with who was told, who judged it and in which time. What nobody judged by its due date is overdue.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter open_only boolean = false: Shows only those that nobody has judged yet.
--
-- Column invoked_at timestamp: When it was taken.
-- Column invoker text: The account that took it.
-- Column invoker_person text: The person behind it then; NULL when nobody is known.
-- Column action text: The verb; NULL when the request is not known.
-- Column resource text: Type and id of the resource; NULL when the request is not known.
-- Column reason text: Why; NULL when hidden.
-- Column notified_at timestamp: When others were first told; NULL when nobody was.
-- Column review_due_at timestamp: By when someone outside must have judged it.
-- Column reviewed_at timestamp: When it was judged; NULL when it was not.
-- Column reviewer text: Who judged it; NULL when nobody did.
-- Column outcome text: `justified` or `unjustified`; NULL when not judged.
-- Column review text: `judged in time`, `judged late`, `overdue` or `due`.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT b.invoked_at, b.invoker, b.invoker_person, q.action, q.resource_type || '/' || q.resource_id AS resource, b.reason, b.notified_at,
  b.review_due_at, b.reviewed_at, b.reviewer, b.outcome,
  CASE
    WHEN b.reviewed_at <= b.review_due_at THEN 'judged in time'
    WHEN b.reviewed_at IS NOT NULL THEN 'judged late'
    WHEN b.review_due_at < l.last_at THEN 'overdue'
    ELSE 'due'
  END AS review,
  b.request_id
FROM breakglass b
LEFT JOIN requests q ON q.request_id = b.request_id
CROSS JOIN ledger l
CROSS JOIN period p
WHERE b.invoked_at >= p.starts AND b.invoked_at < p.ends AND (b.reviewed_at IS NULL OR NOT $open_only)
ORDER BY b.invoked_at DESC, b.seq DESC
