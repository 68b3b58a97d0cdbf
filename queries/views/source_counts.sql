-- source_counts: How many events each source says it produced in a day.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- counted_at timestamp: When it was recorded.
-- source text: A node's name or an outside feed.
-- feed text: What sort of facts it supplies: `node`, `target_log`, `identity_status`, `test_result`, `inventory` or `store_access`;
--   `node` when not recorded.
-- day text: The UTC day, `YYYY-MM-DD`.
-- events bigint: Events in that day.
SELECT seq, id AS event_id, time AS counted_at, f['source'] AS source, coalesce(f['feed'], 'node') AS feed, f['day'] AS day, f['events'] AS events
FROM (
  SELECT seq, id, time, fields(entry, 'source text body.source, feed text body.feed, day text body.day, events int body.events') AS f
  FROM entries WHERE kind = 'source.counted')
