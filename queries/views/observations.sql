-- observations: Facts imported from outside systems of record.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- observed_at timestamp: When it was imported.
-- occurred_at timestamp: When it happened there.
-- source text: The source, for example `hr`, `ci` or `postgres-audit`.
-- feed text: What sort of fact: `target_log`, `identity_status`, `test_result`, `inventory` or `store_access`.
-- record text: The fact as JSON; docs/EVENTS.md has the members of each feed.
-- raw_sha256 text: SHA-256 of the raw record as it was delivered.
SELECT seq, id AS event_id, time AS observed_at, f['occurred_at'] AS occurred_at, f['source'] AS source, f['feed'] AS feed,
  f['record'] AS record, f['raw_sha256'] AS raw_sha256
FROM (
  SELECT seq, id, time, fields(entry, 'source text body.source, feed text body.feed, occurred_at time body.occurred_at, record json body.record, raw_sha256 text body.raw_sha256') AS f
  FROM entries WHERE kind = 'source.observed')
