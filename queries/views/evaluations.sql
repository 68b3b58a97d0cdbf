-- evaluations: Runs of control tests that were recorded.
--
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- evaluated_at timestamp: When the run was recorded.
-- assertion text: Id of the control test, for example `D01`.
-- query_digest text: SHA-256 of its SQL text.
-- parameters text: Parameters used, as JSON.
-- period_start timestamp: First moment of the period.
-- period_end timestamp: First moment after it.
-- slot timestamp: The scheduled slot it fills; NULL when no schedule ran it.
-- snapshot_size bigint: Entries that it saw: it can be performed again over exactly these.
-- snapshot_root text: Root over them.
-- state text: `error`, `exception`, `no_evidence`, `no_population` or `pass`.
-- items bigint: Population items.
-- violations bigint: Items in violation.
-- indeterminate bigint: Items about which nothing can be said.
-- result_digest text: SHA-256 of the result in canonical form.
-- engine text: Engine and version.
SELECT seq, id AS event_id, time AS evaluated_at, f['assertion'] AS assertion, f['query_digest'] AS query_digest,
  f['parameters'] AS parameters, f['period_start'] AS period_start, f['period_end'] AS period_end, f['slot'] AS slot,
  f['snapshot_size'] AS snapshot_size, f['snapshot_root'] AS snapshot_root, f['state'] AS state, f['items'] AS items,
  f['violations'] AS violations, f['indeterminate'] AS indeterminate, f['result_digest'] AS result_digest, f['engine'] AS engine
FROM (
  SELECT seq, id, time, fields(entry, '
    assertion text body.assertion, query_digest text body.query_digest, parameters json body.parameters, period_start time body.start,
    period_end time body.end, slot time body.slot, snapshot_size int body.snapshot.size, snapshot_root text body.snapshot.root,
    state text body.state, items int body.rows, violations int body.violations, indeterminate int body.indeterminate,
    result_digest text body.result_digest, engine text body.engine') AS f
  FROM entries WHERE kind = 'assertion.evaluated')
