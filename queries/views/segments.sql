-- segments: Immutable Parquet files that hold a prefix of the log.
--
-- first bigint: `seq` of the first entry inside.
-- last bigint: `seq` of the last entry inside.
-- rows bigint: Entries inside: `last` - `first` + 1.
-- bytes bigint: Length of the file in bytes.
-- sha256 text: SHA-256 of the file, base64url.
-- path text: Path below `ledger/`.
-- seq bigint: Position of the event that recorded it.
-- event_id text: Id of that event.
-- sealed_at timestamp: When it was recorded.
SELECT f['first'] AS first, f['last'] AS last, f['rows'] AS rows, f['bytes'] AS bytes, f['sha256'] AS sha256, f['path'] AS path,
  seq, id AS event_id, time AS sealed_at
FROM (
  SELECT seq, id, time, fields(entry, 'first int body.first, last int body.last, rows int body.rows, bytes int body.bytes, sha256 text body.sha256, path text body.path') AS f
  FROM entries WHERE kind = 'segment.sealed')
