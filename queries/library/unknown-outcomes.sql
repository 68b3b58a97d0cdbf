-- Runs whose outcome nobody knows
-- They started and did not report an end: still running, or the executor vanished. Somebody has to look at the system itself.
SELECT x.started_at, x.state, x.end_reason, x.action, x.resource_type || '/' || x.resource_id AS resource, x.environment, x.executor,
  x.executor_person, x.host, x.request_id, x.execution_id
FROM executions x
WHERE x.state IN ('running', 'unknown')
ORDER BY x.started_at DESC
