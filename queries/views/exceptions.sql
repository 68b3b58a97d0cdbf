-- exceptions: Violations that someone has to answer for, with the latest answer.
--
-- exception text: Names the exception.
-- seq bigint: Position of the event that raised it.
-- event_id text: Id of that event.
-- raised_at timestamp: When it was raised.
-- assertion text: The control test that found it.
-- items text[]: Items in violation, by the test's item ids; at most 500.
-- persons text[]: Persons whose acts those are; NULL when not recorded.
-- evaluation text: The run of the test, as event id; NULL when a person raised it.
-- answers bigint: How many answers were given.
-- first_answered_at timestamp: When it was first answered; NULL when it was not.
-- answered_at timestamp: When it was last answered; NULL when it was not.
-- answered_by text: The account that gave the last answer; NULL when there is none.
-- owner text: The account that answers for it; NULL when there is no answer.
-- cause text: Cause; NULL when hidden, or when there is no answer.
-- response text: What management does about it; NULL when hidden, or when there is no answer.
-- due_at timestamp: By when; NULL when nothing is left to do, or when there is no answer.
-- status text: `open` or `closed` by the last answer; `open` when there is none.
-- retest text: The passing run that closes it, as event id; NULL without one.
WITH raised AS (
  SELECT *, f['exception'] AS exception FROM (SELECT seq, id, time, fields(entry, '
    exception text body.exception, assertion text body.assertion, items list body.items, persons list body.persons,
    evaluation text body.evaluation') AS f
  FROM entries WHERE kind = 'exception.raised')),
answered AS (
  SELECT *, f['exception'] AS exception, row_number() OVER (PARTITION BY f['exception'] ORDER BY seq DESC) AS nth,
    count(*) OVER (PARTITION BY f['exception']) AS answers, min(time) OVER (PARTITION BY f['exception']) AS first_at
  FROM (
    SELECT seq, time, actor_id, fields(entry, '
      exception text body.exception, owner text body.owner, cause text body.cause, response text body.response, due_at time body.due_at,
      status text body.status, retest text body.retest') AS f
    FROM entries WHERE kind = 'exception.answered'))
SELECT r.exception, r.seq, r.id AS event_id, r.time AS raised_at, r.f['assertion'] AS assertion, r.f['items'] AS items,
  r.f['persons'] AS persons, r.f['evaluation'] AS evaluation, coalesce(a.answers, 0) AS answers, a.first_at AS first_answered_at,
  a.time AS answered_at, a.actor_id AS answered_by, a.f['owner'] AS owner, a.f['cause'] AS cause, a.f['response'] AS response,
  a.f['due_at'] AS due_at, coalesce(a.f['status'], 'open') AS status, a.f['retest'] AS retest
FROM raised r
LEFT JOIN answered a ON a.exception = r.exception AND a.nth = 1
