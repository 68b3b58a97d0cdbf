-- What agents ran in production at night
-- Runs by agents while few people watch, newest first, with the reason for which they were allowed.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter from_hour integer = 22: First hour of the night, 0 to 23.
-- Parameter to_hour integer = 6: First hour of the morning, 1 to 23.
-- Parameter offset_minutes integer = 0: Minutes by which the clock on the wall is ahead of UTC, for example 60 for Berlin in winter.
-- Parameter environment text = "production": Which environment.
--
-- Column started_at timestamp: When it started, UTC.
-- Column local_hour bigint: The local hour, 0 to 23.
-- Column executor text: The agent that ran it.
-- Column executor_person text: The person who answers for it; NULL when nobody is known.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column mechanism text: How it was allowed: `quorum`, `automatic` or `breakglass`; NULL when no grant is known.
-- Column state text: `running`, `done`, `failed` or `unknown`.
-- Column exit_code bigint: Exit code; NULL when there is none.
-- Column request_id text: The request; NULL when none is named.
-- Column execution_id text: The run.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
ran AS (
  SELECT x.*, CAST(date_part('hour', x.started_at + seconds($offset_minutes * 60)) AS BIGINT) AS local_hour
  FROM executions x
  CROSS JOIN period p
  WHERE x.executor_kind = 'agent' AND x.environment = $environment AND x.started_at >= p.starts AND x.started_at < p.ends)
SELECT r.started_at, r.local_hour, r.executor, r.executor_person, r.action, r.resource_type || '/' || r.resource_id AS resource,
  g.mechanism, r.state, r.exit_code, r.request_id, r.execution_id
FROM ran r
LEFT JOIN grants g ON g.grant_id = r.grant_id
WHERE r.local_hour >= $from_hour OR r.local_hour < $to_hour
ORDER BY r.started_at DESC, r.seq DESC
