-- breakglass: Emergencies: actions that ran without approval and were to be judged afterwards.
--
-- grant_id text: The emergency grant.
-- request_id text: The request.
-- seq bigint: Position of its `breakglass.invoked`.
-- event_id text: Id of that event.
-- invoked_at timestamp: When it was taken.
-- invoker text: The account that took it.
-- invoker_kind text: `human` or `agent`.
-- invoker_person text: The person behind that account then; NULL when nobody is known.
-- reason text: Why; NULL when hidden.
-- reason_chars bigint: Length of the reason without white space at both ends; NULL when neither recorded nor readable.
-- expires_at timestamp: First moment at which the grant may not be redeemed.
-- review_due_at timestamp: By when someone outside must have judged it.
-- notified_at timestamp: When people other than the invoker were first told; NULL when nobody was.
-- reviewed_at timestamp: When it was first judged; NULL when it was not.
-- review_event_id text: Id of the event that judged it; NULL when it was not.
-- reviewer text: The account that judged it; NULL when it was not.
-- reviewer_person text: The person behind that account then; NULL when nobody is known, or it was not judged.
-- outcome text: `justified` or `unjustified`; NULL when not judged.
-- comment text: What was found; NULL when hidden, or it was not judged.
WITH invoked AS (
  SELECT *, f['grant_id'] AS grant_id FROM (SELECT seq, id, time, request_id, fields(entry, '
    grant_id text body.grant_id, invoker text body.invoker.principal, invoker_kind text body.invoker.kind,
    invoker_person text body.invoker.person, reason text body.reason, reason_chars int body.reason_chars, expires_at time body.expires_at,
    review_due_at time body.review_due_at') AS f
  FROM entries WHERE kind = 'breakglass.invoked')),
alerts AS (
  SELECT id, request_id FROM entries WHERE kind IN ('alert.raised', 'breakglass.invoked') AND request_id IS NOT NULL),
told AS (
  SELECT i.id, min(n.notified_at) AS notified_at
  FROM invoked i
  JOIN alerts a ON a.request_id = i.request_id
  JOIN notifications n ON n.about = a.id AND n.seq > i.seq AND n.recipient <> i.f['invoker']
  GROUP BY i.id),
judged AS (
  SELECT *, f['grant_id'] AS grant_id, row_number() OVER (PARTITION BY f['grant_id'] ORDER BY seq) AS nth
  FROM (
    SELECT seq, id, time, fields(entry, '
      grant_id text body.grant_id, reviewer text body.reviewer.principal, reviewer_person text body.reviewer.person,
      outcome text body.outcome, comment text body.comment') AS f
    FROM entries WHERE kind = 'breakglass.reviewed'))
SELECT i.grant_id, i.request_id, i.seq, i.id AS event_id, i.time AS invoked_at, i.f['invoker'] AS invoker,
  i.f['invoker_kind'] AS invoker_kind, i.f['invoker_person'] AS invoker_person, i.f['reason'] AS reason,
  coalesce(i.f['reason_chars'], character_length(btrim(i.f['reason']))) AS reason_chars, i.f['expires_at'] AS expires_at,
  i.f['review_due_at'] AS review_due_at, t.notified_at, j.time AS reviewed_at, j.id AS review_event_id,
  j.f['reviewer'] AS reviewer, j.f['reviewer_person'] AS reviewer_person, j.f['outcome'] AS outcome, j.f['comment'] AS comment
FROM invoked i
LEFT JOIN told t ON t.id = i.id
LEFT JOIN judged j ON j.grant_id = i.grant_id AND j.nth = 1
