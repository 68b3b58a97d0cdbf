-- reports: Evidence packs and reports that were built, or could not be.
--
-- report text: Id of the run.
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- recorded_at timestamp: When it was recorded.
-- state text: `generated` or `failed`.
-- actor text: The account that ran it; `system` for a schedule.
-- frameworks text[]: Framework ids; NULL when it failed.
-- period_start timestamp: First moment of the period; NULL when it failed.
-- period_end timestamp: First moment after it; NULL when it failed.
-- snapshot_size bigint: Entries that it was built from; NULL when it failed.
-- snapshot_root text: Root over them; NULL when it failed.
-- pack_digest text: Digest of the content outside `seal/`, the same for every build of the same thing; NULL when it failed.
-- file_sha256 text: SHA-256 of the file; NULL when it failed.
-- trigger text: `portal`, `api` or `schedule`; NULL when it failed.
-- schedule text: The schedule that ran it; NULL when none did.
-- reason text: Why it failed; NULL when it did not.
-- downloads bigint: How often it was downloaded.
-- deliveries bigint: How often it was delivered.
WITH made AS (
  SELECT *, f['report'] AS report FROM (SELECT seq, id, time, kind, actor_id, fields(entry, '
    report text body.report, frameworks list body.frameworks, period_start time body.start, period_end time body.end,
    snapshot_size int body.snapshot.size, snapshot_root text body.snapshot.root, pack_digest text body.pack_digest,
    file_sha256 text body.file_sha256, trigger text body.trigger, schedule text body.schedule, reason text body.reason') AS f
  FROM entries WHERE kind IN ('report.generated', 'report.failed'))),
used AS (
  SELECT json_text(entry, 'body', 'report') AS report,
    count(CASE WHEN kind = 'evidence.downloaded' THEN 1 END) AS downloads,
    count(CASE WHEN kind = 'report.delivered' THEN 1 END) AS deliveries
  FROM entries WHERE kind IN ('evidence.downloaded', 'report.delivered')
  GROUP BY json_text(entry, 'body', 'report'))
SELECT m.report, m.seq, m.id AS event_id, m.time AS recorded_at,
  CASE m.kind WHEN 'report.generated' THEN 'generated' ELSE 'failed' END AS state, m.actor_id AS actor,
  m.f['frameworks'] AS frameworks, m.f['period_start'] AS period_start, m.f['period_end'] AS period_end,
  m.f['snapshot_size'] AS snapshot_size, m.f['snapshot_root'] AS snapshot_root, m.f['pack_digest'] AS pack_digest,
  m.f['file_sha256'] AS file_sha256, m.f['trigger'] AS trigger, m.f['schedule'] AS schedule, m.f['reason'] AS reason,
  coalesce(u.downloads, 0) AS downloads, coalesce(u.deliveries, 0) AS deliveries
FROM made m
LEFT JOIN used u ON u.report = m.report
