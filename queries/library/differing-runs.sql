-- The same run, with another outcome
-- Runs with the same run digest did exactly the same: action, resource, parameters and inputs. Where some fail and some do not, or the
-- output differs, something outside the request decided: the target, the time, or somebody who changed a thing by hand.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter failures_only boolean = true: Shows only what both succeeded and failed; false shows differing output, too.
--
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column environment text: Environment of the grant; NULL when nothing says.
-- Column runs bigint: Runs of the period with a known end.
-- Column done bigint: Of these, successful.
-- Column failed bigint: Of these, failed.
-- Column outputs bigint: Distinct digests of their output.
-- Column first_at timestamp: When the first started.
-- Column last_at timestamp: When the last started.
-- Column run_digest text: Digest of what ran.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT max(x.action) AS action, max(x.resource_type || '/' || x.resource_id) AS resource, max(x.environment) AS environment,
  count(*) AS runs, sum(CASE WHEN x.state = 'done' THEN 1 ELSE 0 END) AS done, sum(CASE WHEN x.state = 'failed' THEN 1 ELSE 0 END) AS failed,
  count(DISTINCT x.output_sha256) AS outputs, min(x.started_at) AS first_at, max(x.started_at) AS last_at, x.run_digest
FROM executions x
CROSS JOIN period p
WHERE x.state IN ('done', 'failed') AND x.started_at >= p.starts AND x.started_at < p.ends
GROUP BY x.run_digest
HAVING (sum(CASE WHEN x.state = 'done' THEN 1 ELSE 0 END) > 0 AND sum(CASE WHEN x.state = 'failed' THEN 1 ELSE 0 END) > 0)
  OR (NOT $failures_only AND count(DISTINCT x.output_sha256) > 1)
ORDER BY failed DESC, runs DESC, x.run_digest
