-- queries: SQL that people ran over the audit data.
--
-- query text: Id of the run.
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- run_at timestamp: When its run was recorded.
-- actor text: The account that ran it.
-- sql text: The statement as it was sent.
-- parameters text: Its parameters as JSON; `{}` without any.
-- snapshot_size bigint: Entries that it saw: over these it gives the same again.
-- outcome text: `ok`, `refused` or `failed`.
-- error text: Why not; NULL when it is `ok`.
-- result_rows bigint: Rows handed out; 0 when it has no answer.
-- result_sha256 text: Digest of the result; NULL without one.
-- duration_ms bigint: Milliseconds it took.
SELECT f['query'] AS query, seq, id AS event_id, time AS run_at, actor_id AS actor, f['sql'] AS sql, f['parameters'] AS parameters, f['snapshot_size'] AS snapshot_size,
  f['outcome'] AS outcome, f['error'] AS error, f['result_rows'] AS result_rows, f['result_sha256'] AS result_sha256,
  f['duration_ms'] AS duration_ms
FROM (
  SELECT seq, id, time, actor_id, fields(entry, '
    query text body.query, sql text body.text, parameters json body.parameters, snapshot_size int body.snapshot_size, outcome text body.outcome, error text body.error,
    result_rows int body.rows, result_sha256 text body.result_sha256, duration_ms int body.duration_ms') AS f
  FROM entries WHERE kind = 'query.run')
