-- Who read the audit data
-- Statements in this console and downloads of packs, newest first. Your own are among them.
SELECT run_at AS at, actor, 'sql' AS what, outcome, result_rows AS rows, sql AS detail FROM queries
UNION ALL
SELECT time AS at, actor_id AS actor, 'pack' AS what, 'ok' AS outcome, NULL AS rows, json_text(entry, 'body', 'report') AS detail
FROM events WHERE kind = 'evidence.downloaded'
ORDER BY at DESC
