-- delegations: Who let whom review for them, over time: one row per delegation. A log in which one is made twice is refused.
--
-- delegation text: Names the delegation.
-- delegator text: The account that lets decide.
-- delegate text: The account that may decide.
-- roles text[]: For which roles or groups.
-- depth bigint: 1 for a direct delegation.
-- reason text: Why, in the delegator's words.
-- change_request text: The approved request behind it; NULL without one.
-- valid_from timestamp: From when it counted.
-- valid_to timestamp: Until when, exclusive: its declared end, or earlier when it was ended.
-- from_seq bigint: Position of the event that made it.
-- to_seq bigint: Position of the event that ended it early; 9007199254740991 when none did.
-- event_id text: Id of the event that made it.
WITH made AS (
  SELECT *, f['delegation'] AS delegation FROM (SELECT seq, time, id, fields(entry, '
    delegation text body.delegation, delegator text body.delegator, delegate text body.delegate, roles list body.roles, depth int body.depth,
    reason text body.reason, change_request text body.change_request, valid_from time body.valid_from, valid_to time body.valid_to') AS f
  FROM entries WHERE kind = 'delegation.made')),
ended AS (
  SELECT json_text(entry, 'body', 'delegation') AS delegation, min(time) AS time, min(seq) AS seq
  FROM entries WHERE kind = 'delegation.ended' GROUP BY json_text(entry, 'body', 'delegation'))
SELECT m.delegation, m.f['delegator'] AS delegator, m.f['delegate'] AS delegate, m.f['roles'] AS roles,
  m.f['depth'] AS depth, m.f['reason'] AS reason, m.f['change_request'] AS change_request,
  greatest(m.time, m.f['valid_from']) AS valid_from,
  greatest(m.time, m.f['valid_from'], least(m.f['valid_to'], coalesce(e.time, m.f['valid_to']))) AS valid_to,
  m.seq AS from_seq, coalesce(e.seq, 9007199254740991) AS to_seq, m.id AS event_id
FROM (SELECT *, lag(9007199254740991) OVER (PARTITION BY delegation ORDER BY seq) AS before FROM made) m
LEFT JOIN ended e ON e.delegation = m.delegation
WHERE never_overlaps('delegations', m.delegation, m.seq, m.before)
