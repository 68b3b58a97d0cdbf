-- clock_samples: Comparisons of a node's clock with a reference.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- sampled_at timestamp: When it was recorded.
-- node text: The node whose clock was compared.
-- reference text: What it was compared with: `kernel`, `simulated` in demonstrations, or a server's name.
-- offset_us bigint: How far the clock was ahead, in microseconds; NULL when unknown.
-- synchronised boolean: Whether the reference says that the clock is synchronised.
SELECT seq, id AS event_id, time AS sampled_at, f['node'] AS node, f['reference'] AS reference, f['offset_us'] AS offset_us,
  f['synchronised'] AS synchronised
FROM (
  SELECT seq, id, time, fields(entry, 'node text body.node, reference text body.reference, offset_us int body.offset_us, synchronised bool body.synchronised') AS f
  FROM entries WHERE kind = 'clock.sampled')
