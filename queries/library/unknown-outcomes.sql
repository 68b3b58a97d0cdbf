-- Runs whose outcome nobody knows
-- They started and did not report an end: still running, or the executor vanished. Somebody has to look at the system itself.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column started_at timestamp: When it started.
-- Column state text: `running` or `unknown`.
-- Column end_reason text: Why the outcome is unknown; NULL while it is running.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column environment text: Environment of the grant; NULL when nothing says.
-- Column executor text: The account that ran it.
-- Column executor_person text: The person behind it then; NULL when nobody is known.
-- Column host text: Host it ran on, as the executor says; NULL when it does not say.
-- Column request_id text: The request; NULL when none is named.
-- Column execution_id text: The run.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT x.started_at, x.state, x.end_reason, x.action, x.resource_type || '/' || x.resource_id AS resource, x.environment, x.executor,
  x.executor_person, x.host, x.request_id, x.execution_id
FROM executions x
CROSS JOIN period p
WHERE x.state IN ('running', 'unknown') AND x.started_at >= p.starts AND x.started_at < p.ends
ORDER BY x.started_at DESC, x.seq DESC
