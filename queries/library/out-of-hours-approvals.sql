-- Approvals outside working hours
-- Each approval that a person gave at night or on a weekend, newest first. Emergencies happen; a habit of sealing at three in the
-- morning is worth a question, and a stolen session looks the same.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter from_hour integer = 7: First hour of the working day, 0 to 23.
-- Parameter to_hour integer = 19: First hour after the working day, 1 to 24.
-- Parameter offset_minutes integer = 0: Minutes by which the clock on the wall is ahead of UTC, for example 60 for Berlin in winter.
-- Parameter weekends boolean = true: Whether Saturday and Sunday count as outside, whatever the hour.
--
-- Column decided_at timestamp: When, UTC.
-- Column weekday text: The local day of the week.
-- Column local_hour bigint: The local hour, 0 to 23.
-- Column reviewer text: The account that approved.
-- Column reviewer_person text: The person behind it then; NULL when nobody is known.
-- Column action text: The verb.
-- Column environment text: Environment as the server derived it; NULL when nothing says.
-- Column resource text: Type and id of the resource.
-- Column risk bigint: Risk points, 0 to 100.
-- Column requester text: The account that asked.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
given AS (
  SELECT v.*, v.decided_at + seconds($offset_minutes * 60) AS local
  FROM reviews v
  CROSS JOIN period p
  WHERE v.verdict = 'approve' AND v.decided_at >= p.starts AND v.decided_at < p.ends)
SELECT g.decided_at,
  CASE CAST(date_part('dow', g.local) AS BIGINT) WHEN 0 THEN 'Sunday' WHEN 1 THEN 'Monday' WHEN 2 THEN 'Tuesday' WHEN 3 THEN 'Wednesday'
    WHEN 4 THEN 'Thursday' WHEN 5 THEN 'Friday' ELSE 'Saturday' END AS weekday,
  CAST(date_part('hour', g.local) AS BIGINT) AS local_hour, g.reviewer, g.reviewer_person, q.action, q.environment,
  q.resource_type || '/' || q.resource_id AS resource, q.risk, q.requester, g.request_id
FROM given g
JOIN requests q ON q.request_id = g.request_id
WHERE date_part('hour', g.local) < $from_hour OR date_part('hour', g.local) >= $to_hour
  OR ($weekends AND date_part('dow', g.local) IN (0, 6))
ORDER BY g.decided_at DESC, g.seq DESC
