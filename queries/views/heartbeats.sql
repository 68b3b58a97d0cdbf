-- heartbeats: Signs that a node was alive and could write.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- beat_at timestamp: When it was recorded.
-- node text: The node that was alive.
-- interval_seconds bigint: Seconds until the next one is due.
-- canaries text[]: Kinds that the node could have recorded; NULL on most heartbeats.
SELECT seq, id AS event_id, time AS beat_at, f['node'] AS node, f['interval_seconds'] AS interval_seconds, f['canaries'] AS canaries
FROM (
  SELECT seq, id, time, fields(entry, 'node text body.node, interval_seconds int body.interval_seconds, canaries list body.canaries') AS f
  FROM entries WHERE kind = 'heartbeat')
