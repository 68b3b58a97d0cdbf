-- checkpoints: Signed tree heads that were kept: at least the newest of every second in which something was written.
--
-- size bigint: Number of entries under it: it covers `seq` 0 to `size` - 1.
-- recorded_at timestamp: Time of its last entry; NULL when that cannot be read.
-- origin text: Name of the log, as signed.
-- root text: Root of the tree over its entries, base64url.
-- note text: The whole signed note.
-- witnessed_at timestamp: Earliest time in a witness's cosignature; NULL without one. Cosignatures that come later are kept beside
--   the log and are not read here: `privyseal verify` reads them.
SELECT n.size, e.time AS recorded_at,
  split_part(n.note, chr(10), 1) AS origin,
  translate(rtrim(split_part(n.note, chr(10), 3), '='), '+/', '-_') AS root,
  n.note,
  utc(CAST(NULL AS VARCHAR)) AS witnessed_at
FROM notes n
LEFT JOIN entries e ON e.seq = n.size - 1
