-- D08: Execution inside the grant
--
-- Population: runs started in the period.
-- Violation: there is no such grant; the run started outside its time, or after it was taken back; the executor is not the one it was given
--   to; the verb, the resource, the environment or the digest is not that of the grant.
-- Indeterminate: the grammar of the grant's scope is not known to this test; a value is missing.
-- Parameter scopes text[] = ["exact/1"]: Grammars of scopes that this test knows.
WITH judged AS (
  SELECT x.execution_id AS item_id, x.event_id, x.started_at AS as_of,
    CASE
      WHEN g.grant_id IS NULL THEN 'violation: there is no such grant'
      WHEN x.started_at < g.not_before OR x.started_at >= g.expires_at THEN 'violation: it started outside the time of the grant'
      WHEN g.revoked_seq < x.seq THEN 'violation: it started after the grant was taken back'
      WHEN x.executor <> g.subject THEN 'violation: the grant belongs to ' || g.subject
      WHEN x.action <> g.action OR x.resource_type <> g.resource_type OR x.resource_id <> g.resource_id
        THEN 'violation: the verb or the resource is not that of the grant'
      WHEN x.environment IS DISTINCT FROM g.environment THEN 'violation: the environment is not that of the grant'
      WHEN x.run_digest <> g.action_digest THEN 'violation: what ran is not what the grant is for'
      WHEN g.scope IS NULL OR NOT array_has($scopes, g.scope) THEN 'indeterminate: the grammar of the scope is not known to this test'
      WHEN x.started_at >= g.not_before AND x.started_at < g.expires_at AND x.executor = g.subject AND x.action = g.action
        AND x.resource_type = g.resource_type AND x.resource_id = g.resource_id AND x.run_digest = g.action_digest THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM executions x
  LEFT JOIN grants g ON g.grant_id = x.grant_id
  WHERE x.started_at >= $start AND x.started_at < $end)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
