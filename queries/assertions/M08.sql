-- M08: Agent registry
--
-- Population: agents that asked for something in the period, each judged by its worst request.
-- Violation: the agent is not registered, or not as an agent; its record names no owner, model, version, tools or intended use; its impact
--   was never assessed, or too long before the request; it says that it runs another model than the registered one.
-- Indeterminate: the agent was registered after it asked.
-- Parameter assessment_days integer = 365: Longest time between two impact assessments.
WITH asked AS (
  SELECT q.requester AS principal, q.seq, q.event_id, q.requested_at,
    json_text(e.body, 'claimed_model', 'model') AS model, json_text(e.body, 'claimed_model', 'version') AS version
  FROM requests q
  JOIN events e ON e.seq = q.seq
  WHERE q.requester_kind = 'agent' AND q.requested_at >= $start AND q.requested_at < $end),
known AS (SELECT principal, min(from_seq) AS first_seq FROM principals GROUP BY principal),
verdicts AS (
  SELECT a.principal, a.seq, a.event_id, a.requested_at,
    CASE
      WHEN k.first_seq IS NULL THEN 'violation: the agent is not registered'
      WHEN k.first_seq > a.seq THEN 'indeterminate: the agent was registered after it asked'
      WHEN p.kind <> 'agent' THEN 'violation: it is registered as a person'
      WHEN p.owner IS NULL THEN 'violation: its record names no owner'
      WHEN p.model IS NULL OR p.model_version IS NULL THEN 'violation: its record names no model with its version'
      WHEN p.tools IS NULL THEN 'violation: its record names no tools'
      WHEN p.intended_use IS NULL OR coalesce(array_length(p.intended_use), 0) = 0 THEN 'violation: its record names no intended use'
      WHEN p.impact_assessed_at IS NULL THEN 'violation: its impact was never assessed'
      WHEN p.impact_assessed_at + seconds(86400 * $assessment_days) < a.requested_at THEN 'violation: its impact was assessed too long ago'
      WHEN a.model <> p.model OR a.version <> p.model_version THEN 'violation: it says that it runs another model'
      WHEN p.kind = 'agent' AND p.impact_assessed_at + seconds(86400 * $assessment_days) >= a.requested_at THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM asked a
  LEFT JOIN known k ON k.principal = a.principal
  LEFT JOIN principals p ON p.principal = a.principal AND p.from_seq <= a.seq AND a.seq < p.to_seq),
judged AS (
  SELECT principal AS item_id, event_id, requested_at AS as_of, verdict
  FROM (
    SELECT *, row_number() OVER (
      PARTITION BY principal ORDER BY CASE split_part(verdict, ': ', 1) WHEN 'violation' THEN 0 WHEN 'indeterminate' THEN 1 ELSE 2 END, seq) AS nth
    FROM verdicts)
  WHERE nth = 1)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
