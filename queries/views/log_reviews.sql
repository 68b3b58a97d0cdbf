-- log_reviews: People's reviews of the log of an interval.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- reviewed_at timestamp: When it was recorded.
-- interval_start timestamp: Start of the interval.
-- interval_end timestamp: End of it, exclusive.
-- reviewer text: The account that reviewed.
-- comment text: What was found; NULL when hidden.
SELECT seq, id AS event_id, time AS reviewed_at, f['interval_start'] AS interval_start, f['interval_end'] AS interval_end,
  f['reviewer'] AS reviewer, f['comment'] AS comment
FROM (
  SELECT seq, id, time, fields(entry, '
    interval_start time body.start, interval_end time body.end, reviewer text body.reviewer, comment text body.comment') AS f
  FROM entries WHERE kind = 'log_review.recorded')
