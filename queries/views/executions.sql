-- executions: One run of an approved action.
--
-- execution_id text: The run.
-- grant_id text: The grant behind it.
-- request_id text: The request behind that; NULL when none is named.
-- seq bigint: Position of its `execution.started`.
-- event_id text: Id of the event that started it.
-- started_at timestamp: When it started.
-- action text: The verb.
-- resource_type text: Type of the resource.
-- resource_id text: Id within the type.
-- environment text: Environment of the grant; NULL when nothing says.
-- run_digest text: Digest of what ran: the third of the three (asked, shown, run).
-- executor text: The account that ran it.
-- executor_kind text: `human` or `agent`.
-- executor_person text: The person behind that account then; NULL when nobody is known.
-- tool text: Executing program; NULL when it does not say.
-- host text: Host it ran on, as the executor says; NULL when it does not say.
-- artefacts text: Programs and files used, as JSON, each with its digest.
-- policy_digest text: Digest of the policy in force when it was asked.
-- state text: `running` while no end is recorded, `done`, `failed`, or `unknown` when nobody can know.
-- ended_at timestamp: When the end was recorded; NULL while running.
-- ended_seq bigint: Position of that event; NULL while running.
-- ended_event_id text: Id of that event; NULL while running.
-- exit_code bigint: Exit code; NULL when there is none.
-- output_sha256 text: Digest of its output; NULL when not recorded.
-- output_bytes bigint: Length of that output.
-- occurred_at timestamp: When the executor says it ended, by its own clock; NULL without such a report.
-- duration_ms bigint: Milliseconds from start to end, as recorded here; NULL without a report of the end.
-- incident text: Incident reference of a failed change; NULL when none is named.
-- rollback_of text: The run that this one rolls back; NULL when it rolls back none.
-- end_reason text: Why the outcome is unknown; NULL when it is known.
WITH started AS (
  SELECT *, f['execution_id'] AS execution_id FROM (SELECT seq, id, time, request_id, fields(entry, '
    execution_id text body.execution_id, grant_id text body.grant_id, action text body.action, resource_type text body.resource.type,
    resource_id text body.resource.id, environment text body.environment, run_digest text body.run_digest,
    executor text body.executor.principal, executor_kind text body.executor.kind, executor_person text body.executor.person,
    tool text body.tool, host text body.host, artefacts json body.artefacts, policy_digest text body.policy_digest') AS f
  FROM entries WHERE kind = 'execution.started')),
ended AS (
  SELECT *, f['execution_id'] AS execution_id, row_number() OVER (PARTITION BY f['execution_id'] ORDER BY seq) AS nth
  FROM (
    SELECT seq, id, time, kind, fields(entry, '
      execution_id text body.execution_id, outcome text body.outcome, exit_code int body.exit_code, output_sha256 text body.output_sha256,
      output_bytes int body.output_bytes, occurred_at time body.occurred_at, duration_ms int body.duration_ms,
      incident text body.incident, rollback_of text body.rollback_of, reason text body.reason') AS f
    FROM entries WHERE kind IN ('execution.finished', 'execution.unknown')))
SELECT s.execution_id, s.f['grant_id'] AS grant_id, s.request_id, s.seq, s.id AS event_id, s.time AS started_at,
  s.f['action'] AS action, s.f['resource_type'] AS resource_type, s.f['resource_id'] AS resource_id,
  s.f['environment'] AS environment, s.f['run_digest'] AS run_digest, s.f['executor'] AS executor,
  s.f['executor_kind'] AS executor_kind, s.f['executor_person'] AS executor_person, s.f['tool'] AS tool, s.f['host'] AS host,
  s.f['artefacts'] AS artefacts, s.f['policy_digest'] AS policy_digest,
  CASE WHEN e.kind = 'execution.unknown' THEN 'unknown' WHEN e.f['outcome'] = 'succeeded' THEN 'done'
    WHEN e.f['outcome'] = 'failed' THEN 'failed' WHEN e.kind IS NULL THEN 'running' ELSE 'unknown' END AS state,
  e.time AS ended_at, e.seq AS ended_seq, e.id AS ended_event_id, e.f['exit_code'] AS exit_code,
  e.f['output_sha256'] AS output_sha256, e.f['output_bytes'] AS output_bytes, e.f['occurred_at'] AS occurred_at,
  e.f['duration_ms'] AS duration_ms, e.f['incident'] AS incident, e.f['rollback_of'] AS rollback_of, e.f['reason'] AS end_reason
FROM started s
LEFT JOIN ended e ON e.execution_id = s.execution_id AND e.nth = 1
