-- How much of the log is sealed, and how fresh its checkpoints are
-- One row. What is not sealed yet lives in the log's database only; what the newest kept checkpoint does not cover has only the head of
-- its commit. Ages are counted up to the newest entry.
--
-- Column entries bigint: Entries of the log.
-- Column sealed bigint: Entries inside segments.
-- Column sealed_percent bigint: Their share, rounded down.
-- Column segments bigint: Number of segments.
-- Column gaps bigint: Entries before the last sealed one that no segment holds; anything but 0 is a defect.
-- Column last_sealed_at timestamp: When the newest segment was recorded; NULL without one.
-- Column hours_since_seal bigint: Whole hours since then; NULL without one.
-- Column checkpoints bigint: Checkpoints kept.
-- Column newest_checkpoint_size bigint: Entries under the newest; NULL without one.
-- Column minutes_uncovered bigint: Whole minutes between its last entry and the newest entry; NULL without one.
WITH sealed AS (
  SELECT count(*) AS segments, coalesce(sum(rows), 0) AS entries, coalesce(max(last) + 1, 0) AS reach, max(sealed_at) AS last_at
  FROM segments),
heads AS (
  SELECT count(*) AS checkpoints, max(size) AS size, max(recorded_at) AS last_at FROM checkpoints)
SELECT l.size AS entries, s.entries AS sealed, 100 * s.entries / greatest(l.size, 1) AS sealed_percent, s.segments,
  s.reach - s.entries AS gaps, s.last_at AS last_sealed_at,
  CAST(date_part('epoch', l.last_at) - date_part('epoch', s.last_at) AS BIGINT) / 3600 AS hours_since_seal,
  h.checkpoints, h.size AS newest_checkpoint_size,
  CAST(date_part('epoch', l.last_at) - date_part('epoch', h.last_at) AS BIGINT) / 60 AS minutes_uncovered
FROM ledger l
CROSS JOIN sealed s
CROSS JOIN heads h
