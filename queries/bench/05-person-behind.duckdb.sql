WITH steps AS (
  SELECT seq, time, kind, decode(entry) AS entry, json_extract_string(decode(entry), '$.body.principal') AS principal
  FROM entries
  -- By position, so that only the row groups are read that hold such entries.
  WHERE seq IN (
    SELECT seq FROM entries
    WHERE kind IN ('principal.registered', 'principal.changed', 'principal.disabled', 'principal.enabled'))),
records AS (
  SELECT principal, time AS valid_from,
    coalesce(lead(time) OVER (PARTITION BY principal ORDER BY seq), TIMESTAMPTZ '9999-12-31 23:59:59.999999+00') AS valid_to,
    json_extract_string(
      last_value(CASE WHEN kind IN ('principal.registered', 'principal.changed') THEN entry END IGNORE NULLS)
        OVER (PARTITION BY principal ORDER BY seq), ['$.body.kind', '$.body.person', '$.body.owner']) AS f
  FROM steps),
persons AS (
  SELECT principal, f[2] AS person, valid_from, valid_to FROM records WHERE f[1] = 'human' AND f[2] IS NOT NULL
  UNION ALL
  SELECT a.principal, o.f[2], greatest(a.valid_from, o.valid_from), least(a.valid_to, o.valid_to)
  FROM records a JOIN records o ON o.principal = a.f[3] AND o.valid_from < a.valid_to AND a.valid_from < o.valid_to
  WHERE a.f[1] <> 'human' AND o.f[2] IS NOT NULL)
SELECT p.person, count(*) AS runs, count(DISTINCT e.actor_id) AS accounts, max(e.time) AT TIME ZONE 'UTC' AS last_at
FROM entries e
JOIN persons p ON p.principal = e.actor_id AND e.time >= p.valid_from AND e.time < p.valid_to
WHERE e.kind = 'execution.started'
GROUP BY p.person
