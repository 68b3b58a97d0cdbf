-- policies: Versions of the policy, each with the time in which it was in force.
--
-- version bigint: Counts published versions from 1.
-- digest text: Digest over names and contents of its files.
-- files text: Its files as JSON, each with its digest.
-- file_digests text[]: Digests of its files, in their order; the files are kept as blobs.
-- parameters text: Parameters of control tests that it sets, as JSON; NULL when it sets none.
-- author text: The account that wrote it.
-- approved_by text[]: The accounts that approved it; empty only for the first policy of a log.
-- change_request text: The approved request behind it; NULL only for the first policy of a log.
-- note text: What changed and why.
-- published_by text: The account that put it in force.
-- published_by_kind text: `human`, `agent` or `system`.
-- valid_from timestamp: From when it was in force.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it is.
-- from_seq bigint: Position of the event that published it.
-- to_seq bigint: Position of the event that published the next; 9007199254740991 while it is in force.
-- event_id text: Id of the event that published it.
SELECT f['version'] AS version, f['digest'] AS digest, f['files'] AS files, f['file_digests'] AS file_digests, f['parameters'] AS parameters,
  f['author'] AS author, f['approved_by'] AS approved_by, f['change_request'] AS change_request, f['note'] AS note,
  actor_id AS published_by, actor_kind AS published_by_kind,
  time AS valid_from, coalesce(lead(time) OVER (ORDER BY seq), utc('9999-12-31T23:59:59.999999Z')) AS valid_to,
  seq AS from_seq, coalesce(lead(seq) OVER (ORDER BY seq), 9007199254740991) AS to_seq, id AS event_id
FROM (
  SELECT seq, time, id, actor_id, actor_kind, fields(entry, '
    version int body.version, digest text body.digest, files json body.files, file_digests list body.files.*.sha256,
    parameters json body.parameters, author text body.author, approved_by list body.approved_by,
    change_request text body.change_request, note text body.note') AS f
  FROM entries WHERE kind = 'policy.published')
