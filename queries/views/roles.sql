-- roles: Roles and groups over time: one row for each stretch in which an account held one.
--
-- principal text: The account.
-- role text: The role, or `group:<name>`.
-- valid_from timestamp: From when it counted.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it counts.
-- from_seq bigint: Position of the event that assigned it.
-- to_seq bigint: Position of the event that removed or replaced it; 9007199254740991 when none did.
-- declared_to timestamp: The end it was given when assigned; 9999-12-31T23:59:59.999999Z for a standing role.
-- standing boolean: Whether it was given without an end.
-- scope text[]: Framework ids that an auditor may see; NULL for no limit.
-- reason text: Why it was given.
-- assigned_by text: The account that gave it; `system` at start-up.
-- change_request text: The approved request behind it; NULL without one, as at start-up.
-- event_id text: Id of the event that assigned it.
WITH steps AS (
  SELECT seq, time, id, kind, actor_id, fields(entry, '
    principal text body.principal, role text body.role, valid_from time body.valid_from, valid_to time body.valid_to,
    scope list body.scope, reason text body.reason, change_request text body.change_request') AS f
  FROM entries WHERE kind IN ('role.assigned', 'role.removed')),
carried AS (
  SELECT *, lead(time) OVER (PARTITION BY f['principal'], f['role'] ORDER BY seq) AS next_time,
    lead(seq) OVER (PARTITION BY f['principal'], f['role'] ORDER BY seq) AS next_seq
  FROM steps),
bounded AS (
  SELECT *, greatest(time, f['valid_from']) AS valid_from,
    least(coalesce(f['valid_to'], utc('9999-12-31T23:59:59.999999Z')), coalesce(next_time, utc('9999-12-31T23:59:59.999999Z'))) AS valid_to
  FROM carried WHERE kind = 'role.assigned')
SELECT f['principal'] AS principal, f['role'] AS role, valid_from, greatest(valid_from, valid_to) AS valid_to,
  seq AS from_seq, coalesce(next_seq, 9007199254740991) AS to_seq,
  coalesce(f['valid_to'], utc('9999-12-31T23:59:59.999999Z')) AS declared_to, f['valid_to'] IS NULL AS standing,
  f['scope'] AS scope, f['reason'] AS reason, actor_id AS assigned_by, f['change_request'] AS change_request, id AS event_id
FROM bounded
