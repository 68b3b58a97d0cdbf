-- access_reviews: Confirmations that someone should keep a role, or orders to remove it.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- reviewed_at timestamp: When it was recorded.
-- principal text: The account whose role it is.
-- role text: The role, or `group:<name>`.
-- reviewer text: The account that reviewed.
-- outcome text: `keep` or `remove`; a removal takes effect by an event of its own (view `roles`).
-- comment text: What was found; NULL when not given or hidden.
SELECT seq, id AS event_id, time AS reviewed_at, f['principal'] AS principal, f['role'] AS role, f['reviewer'] AS reviewer,
  f['outcome'] AS outcome, f['comment'] AS comment
FROM (
  SELECT seq, id, time, fields(entry, '
    principal text body.principal, role text body.role, reviewer text body.reviewer, outcome text body.outcome, comment text body.comment') AS f
  FROM entries WHERE kind = 'access_review.recorded')
