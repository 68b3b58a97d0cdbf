-- alerts: What needed a person's attention, and what a person made of it.
--
-- alert text: Names the alert.
-- seq bigint: Position of the event that raised it.
-- event_id text: Id of that event.
-- raised_at timestamp: When it was raised.
-- type text: `deny_burst`, `integrity`, `outlier`, `breakglass`, `logging_outage`, `rate_limit` or `clock_jump`.
-- severity text: `high`, `medium` or `low`.
-- principal text: The account it is about; NULL when it is about nobody.
-- request_id text: The request concerned; NULL when none is.
-- about text: Id of the event that gave rise to it; NULL when none is named.
-- reason text: What happened.
-- triaged_at timestamp: When a person first judged it; NULL when nobody did.
-- reviewer text: The account that judged it; NULL when nobody did.
-- disposition text: `benign`, `malicious` or `mistake`; NULL when nobody judged it.
-- comment text: What was found; NULL when hidden, or when nobody judged it.
WITH raised AS (
  SELECT *, f['alert'] AS alert FROM (SELECT seq, id, time, request_id, fields(entry, '
    alert text body.alert, type text body.type, severity text body.severity, principal text body.principal, about text body.about,
    reason text body.reason') AS f
  FROM entries WHERE kind = 'alert.raised')),
triaged AS (
  SELECT *, f['alert'] AS alert, row_number() OVER (PARTITION BY f['alert'] ORDER BY seq) AS nth
  FROM (
    SELECT seq, time, fields(entry, 'alert text body.alert, reviewer text body.reviewer, disposition text body.disposition, comment text body.comment') AS f
    FROM entries WHERE kind = 'alert.triaged'))
SELECT r.alert, r.seq, r.id AS event_id, r.time AS raised_at, r.f['type'] AS type, r.f['severity'] AS severity,
  r.f['principal'] AS principal, r.request_id, r.f['about'] AS about, r.f['reason'] AS reason, t.time AS triaged_at,
  t.f['reviewer'] AS reviewer, t.f['disposition'] AS disposition, t.f['comment'] AS comment
FROM raised r
LEFT JOIN triaged t ON t.alert = r.alert AND t.nth = 1
