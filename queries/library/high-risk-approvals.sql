-- Who approved high-risk requests in the last quarter
-- One row per person in a slot of an approval, oldest first. "Last quarter" is the full quarter before the newest entry of the log,
-- unless a period is given.
--
-- Parameter start timestamp = null: First moment of the period; null for the start of the last full quarter.
-- Parameter end timestamp = null: First moment after the period; null for the end of the last full quarter.
-- Parameter tier text = "high": Which tier: `high`, `medium` or `low`.
--
-- Column decided_at timestamp: When the verdict was given.
-- Column reviewer text: The account that approved.
-- Column reviewer_person text: The person behind it then; NULL when nobody is known.
-- Column assurance text: `passkey` when a passkey signed this decision, otherwise `session`.
-- Column seconds_on_screen bigint: Whole seconds from shown to decided.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column risk bigint: Risk points, 0 to 100.
-- Column requester text: The account that asked.
-- Column requirement text: Who had to seal it.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), date_trunc('quarter', last_at) - INTERVAL '3 months') AS starts,
    coalesce(utc($end), date_trunc('quarter', last_at)) AS ends
  FROM ledger)
SELECT v.decided_at, v.reviewer, v.reviewer_person, v.assurance, v.display_ms / 1000 AS seconds_on_screen, q.action,
  q.resource_type || '/' || q.resource_id AS resource, q.risk, q.requester, q.requirement, q.request_id
FROM reviews v
JOIN requests q ON q.request_id = v.request_id
CROSS JOIN period p
WHERE v.verdict = 'approve' AND q.tier = $tier AND q.state = 'approved' AND v.decided_at >= p.starts AND v.decided_at < p.ends
ORDER BY v.decided_at, v.seq
