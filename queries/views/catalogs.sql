-- catalogs: Versions of catalogs (actions, event kinds, separation of duties, control tests), each with the time in which it was in force.
--
-- catalog text: Which: `actions`, `events`, `sod`, `assertions` or a framework id.
-- version text: Its version, as the catalog says it.
-- digest text: Digest over names and contents of its files.
-- file_digests text[]: Digests of its files, in their order; the files are kept as blobs.
-- items text[]: What it declares: actions, event kinds, pairs of conflicting duties.
-- change_request text: The approved request behind it; NULL for what came with the program.
-- valid_from timestamp: From when it was in force.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it is.
-- from_seq bigint: Position of the event that published it.
-- to_seq bigint: Position of the event that published the next; 9007199254740991 while it is in force.
-- event_id text: Id of the event that published it.
SELECT f['catalog'] AS catalog, f['version'] AS version, f['digest'] AS digest, f['file_digests'] AS file_digests, f['items'] AS items,
  f['change_request'] AS change_request,
  time AS valid_from, coalesce(lead(time) OVER (PARTITION BY f['catalog'] ORDER BY seq), utc('9999-12-31T23:59:59.999999Z')) AS valid_to,
  seq AS from_seq, coalesce(lead(seq) OVER (PARTITION BY f['catalog'] ORDER BY seq), 9007199254740991) AS to_seq, id AS event_id
FROM (
  SELECT seq, time, id, fields(entry, '
    catalog text body.catalog, version text body.version, digest text body.digest, file_digests list body.files.*.sha256,
    items list body.items, change_request text body.change_request') AS f
  FROM entries WHERE kind = 'catalog.published')
