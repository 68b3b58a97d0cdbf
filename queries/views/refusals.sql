-- refusals: Attempts that were refused for what they are: verdicts, uses of a grant, sign-ins. They show a control at work.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- refused_at timestamp: When it was refused.
-- what text: `review`, `grant` or `session`.
-- request_id text: The request concerned; NULL for sign-ins.
-- grant_id text: The grant concerned; NULL unless one is.
-- principal text: The account that tried; NULL when not known.
-- person text: The person behind that account then; NULL when not known, and for sign-ins.
-- code text: Stable code, for example `subject_of_request`; NULL for sign-ins.
-- reason text: Why, in one sentence.
SELECT seq, id AS event_id, time AS refused_at, split_part(kind, '.', 1) AS what, request_id, f['grant_id'] AS grant_id,
  coalesce(f['reviewer'], f['executor'], f['principal']) AS principal,
  coalesce(f['reviewer_person'], f['executor_person']) AS person, f['code'] AS code, f['reason'] AS reason
FROM (
  SELECT seq, id, time, kind, request_id, fields(entry, '
    grant_id text body.grant_id, reviewer text body.reviewer.principal, reviewer_person text body.reviewer.person,
    executor text body.executor.principal, executor_person text body.executor.person, principal text body.principal,
    code text body.code, reason text body.reason') AS f
  FROM entries WHERE kind IN ('review.refused', 'grant.refused', 'session.refused'))
